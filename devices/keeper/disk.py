"""Writing so that after a power cut the old is there, or the new, and nothing between.

`edgenets.files` does the like on a laptop; the keeper is copied to boards by itself and imports
nothing of edgenets.
"""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """A file, whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)  # of a cut; a link that somebody planted is not followed
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def keep_to(path: Path, user: str) -> None:
    """Let nobody read a file but root and the group of a user; without such a user, root alone."""
    try:
        os.chown(path, -1, pwd.getpwnam(user).pw_gid)
    except (KeyError, PermissionError):  # no such user; or this is not root, but a test
        path.chmod(0o600)
    else:
        path.chmod(0o640)


def point(link: Path, target: str) -> None:
    """A symbolic link to another target, in one step."""
    beside = link.with_name(f".{link.name}.new")
    if os.path.lexists(beside):
        beside.unlink()
    beside.symlink_to(target)
    beside.replace(link)
    sync_folder(link.parent)


def unlink(path: Path) -> None:
    """Remove a file or link, if it is there."""
    if os.path.lexists(path):
        path.unlink()
        sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """A folder and those above it, that last."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """A folder and all in it; what a cut leaves of it is never taken for whole."""
    if path.exists():
        gone = path.with_name(f".{path.name}.gone")
        shutil.rmtree(gone, ignore_errors=True)
        path.replace(gone)
        sync_folder(path.parent)
        shutil.rmtree(gone)


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
