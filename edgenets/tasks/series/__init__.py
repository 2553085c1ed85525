"""Readings in time: how models of them are measured."""
