"""Onto the device: board profiles, flash, deploy, update. Nothing is here yet."""
