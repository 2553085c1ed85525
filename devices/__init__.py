"""Onto the device: board profiles, preflight, deploy, and the device twin that proves them."""
