"""Where edgenets keeps what is not a project's: what can be made again, and what it has to know."""

from __future__ import annotations

import os
from pathlib import Path


def cache(name: str) -> Path:
    """A folder of what can be fetched or made again; `EDGENETS_CACHE` moves them all."""
    given = os.environ.get("EDGENETS_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(given or Path.home() / ".cache") / "edgenets" / name


def state(name: str) -> Path:
    """A folder of what is to outlast this process and is nobody's file."""
    given = os.environ.get("XDG_STATE_HOME")
    return Path(given or Path.home() / ".local" / "state") / "edgenets" / name
