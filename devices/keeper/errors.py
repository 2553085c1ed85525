"""What the keeper refuses."""

from __future__ import annotations


class KeeperError(Exception):
    """It cannot be done; the message says why. Nothing was changed, or it was changed back."""


class Unhealthy(KeeperError):
    """A release does not do what it must."""
