"""Files by their SHA-256. One that is here is whole: it was checked before it got its name."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from . import disk
from .errors import KeeperError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 18  # bytes

# Data are made to last in pieces of this size, so that a cut loses no more of a long transfer.
_SYNC_EVERY = 4 << 20  # bytes


def path_of(folder: Path, sha256: str) -> Path:
    """Where an object is, or will be.

    Raises:
        KeeperError: that is no SHA-256.
    """
    if not _SHA256.fullmatch(sha256):
        raise KeeperError(f"'{sha256[:80]}' is no SHA-256")
    return folder / sha256


def wanting(folder: Path, wanted: Iterable[str]) -> dict[str, int]:
    """The objects that are not here, and how many bytes of each are already."""
    found = {}
    for sha256 in wanted:
        path = path_of(folder, sha256)
        if not path.exists():
            part = _part(path)
            found[sha256] = part.stat().st_size if part.exists() else 0
    return found


def drop_damaged(folder: Path, wanted: Iterable[str]) -> None:
    """Remove those that are no longer what their names say."""
    for sha256 in wanted:
        path = path_of(folder, sha256)
        if path.exists() and digest(path) != sha256:
            disk.unlink(path)


def receive(folder: Path, stream: BinaryIO) -> list[str]:
    """Take objects from a stream: of each a line `SHA256 SIZE OFFSET`, then its bytes from there.

    Returns:
        those that came whole.

    Raises:
        KeeperError: the stream ends early, or an object is not what it was announced to be. The
            part of an object that was cut short stays, and can be gone on with.
    """
    disk.make_folder(folder)
    came = []
    while line := stream.readline(200):
        words = line.split()
        if len(words) != 3 or not all(word.isdigit() for word in words[1:]):
            raise KeeperError(f"no header of an object: {line[:80]!r}")
        sha256, size, offset = words[0].decode(), int(words[1]), int(words[2])
        path = path_of(folder, sha256)
        part = _part(path)
        have = part.stat().st_size if part.exists() else 0
        if offset != min(offset, have):
            raise KeeperError(f"{sha256[:12]}: begins at {offset}, but {have} bytes are here")
        with part.open("r+b" if part.exists() else "w+b") as file:
            file.truncate(offset)
            file.seek(offset)
            _copy(stream, file, size - offset)
        if digest(part) != sha256:
            part.unlink()
            raise KeeperError(f"{sha256[:12]}: damaged on its way: it fails its SHA-256")
        part.replace(path)
        disk.sync_folder(folder)
        came.append(sha256)
    return came


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    sum = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            sum.update(data)
    return sum.hexdigest()


def _copy(stream: BinaryIO, file: BinaryIO, count: int) -> None:
    unsynced = 0
    while count > 0:
        data = stream.read(min(count, _CHUNK))
        if not data:
            file.flush()
            os.fsync(file.fileno())
            raise KeeperError(f"the transfer ended {count} bytes early")
        file.write(data)
        count -= len(data)
        unsynced += len(data)
        if unsynced >= _SYNC_EVERY:
            file.flush()
            os.fsync(file.fileno())
            unsynced = 0
    file.flush()
    os.fsync(file.fileno())


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
