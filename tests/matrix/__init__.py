"""Environments: every Python, with pinned, newest and lowest versions of the dependencies."""
