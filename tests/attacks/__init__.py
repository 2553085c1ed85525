"""Attacks on edgenets, on loopback and in folders of their own: `python -m tests.attacks`."""
