"""Where things are on a board."""

from __future__ import annotations

import os
from pathlib import Path

HOME = "/opt/edgenets"

# Whom the service runs as.
USER = "edgenets"

# The name of no release: `current` always points somewhere, for systemd follows it to the service's
# drop-in, and takes a unit with a drop-in that leads nowhere for none.
NOTHING = "nothing"

# What services write and what they say; systemd makes both for the service's user.
WORK = Path("/var/lib/edgenets")
RUN = Path("/run/edgenets")


def python_folder(root: Path, sha256: str) -> Path:
    """Where a Python of our own is unpacked, by the digest of its archive."""
    return root / "pythons" / sha256[:12]


class Home:
    """The keeper's folder and what is in it; `EDGENETS_HOME` and `EDGENETS_RUN` move them."""

    def __init__(self) -> None:
        self.root = Path(os.environ.get("EDGENETS_HOME", HOME))
        self.status = Path(os.environ.get("EDGENETS_RUN", RUN)) / "status.json"
        self.objects = self.root / "objects"
        self.environments = self.root / "environments"
        self.releases = self.root / "releases"
        self.pythons = self.root / "pythons"
        self.current = self.root / "current"
        self.state = self.root / "state.json"
        self.lock = self.root / "lock"

    def release(self, id: str) -> Path:
        """The folder of a release."""
        return self.releases / id

    def serving(self) -> str | None:
        """The release that `current` points to, whether or not it is whole."""
        try:
            name = self.current.readlink().name
        except OSError:
            return None
        return None if name == NOTHING else name
