"""Removing what neither the current release, nor the one before it, nor a trial needs."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from . import disk, environment
from . import release as releases
from . import state as states
from .errors import KeeperError
from .layout import NOTHING, Home, python_folder


def clean(home: Home, grace: float = 0.0) -> int:
    """Remove it; the caller keeps other commands out.

    Args:
        grace: what came within so many seconds stays: another command may be on its way to make
            a release of it.

    Returns:
        how many things were removed.
    """
    ids = _ids(home)
    keep = list(filter(None, (_load(home, id) for id in ids)))
    own = {python_folder(home.root, r.interpreter).name for r in keep if r.interpreter}
    folders = {
        f.name for r in keep for f in (environment.path_of(home, r), environment.code_of(home, r))
    }
    gone = _remove(home.releases, {NOTHING, *ids}, grace)
    gone += _remove(home.environments, folders, grace)
    gone += _remove(home.pythons, {_running(home), *own}, grace)
    return gone + _remove(home.objects, {o for r in keep for o in r.objects}, grace)


def _ids(home: Home) -> set[str]:
    """The releases that stay."""
    state = states.load(home)
    found = {home.serving(), state.previous}
    if state.trial is not None:
        found |= {state.trial.release, state.trial.previous}
    return {id for id in found if id is not None}


def _load(home: Home, id: str) -> releases.Release | None:
    """A release; None where its record cannot be read: it is of no use, and stops no cleaning."""
    try:
        return releases.load(home, id)
    except KeeperError:
        return None


def _running(home: Home) -> str:
    """The name of our own Python that runs this; empty where the system's does."""
    here = Path(sys.executable)
    return here.relative_to(home.pythons).parts[0] if home.pythons in here.parents else ""


def _remove(folder: Path, wanted: set[str], grace: float) -> int:
    gone = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name in wanted or (grace and time.time() - path.stat().st_mtime < grace):
            continue
        gone += 1
        if path.is_dir():
            disk.remove_folder(path)
        else:
            disk.unlink(path)
    return gone
