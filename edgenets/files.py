"""Files that are there whole or not at all: written beside, synced, then renamed.

What is written beside has a name that nobody can predict, is made anew (a link that somebody
planted is never followed), and is locked as long as it is written. So what a process that was
killed left there can be distinguished from what another one is writing just now, and is removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]  # an object of JSON, read or to be written

# What is written beside: `.NAME.PROCESS-TOKEN.ENDING`; before there were tokens, without.
_BESIDE = re.compile(r"\..*\.(\d{1,10})(-[0-9a-f]{16})?(\.[^.]*)?")
_TOKEN = 8  # bytes that nobody guesses
_LONGEST_STEM = 180  # bytes; file systems allow 255 in all

# No link is followed, no pipe is waited for.
_CAREFUL = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

# Folders that this process has looked through for what others left.
_looked_through: set[Path] = set()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; when the block ends well it takes `path`'s place.

    Nothing half-written ever stands at `path`, and nothing stays behind on an error. The suffix is
    kept, since some writers choose their format by it, and so is the mode of a file that is
    replaced. A link at `path` is replaced, not followed.

    Raises:
        OSError: it cannot be written, or what the block left there is no regular file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent not in _looked_through:
        _looked_through.add(path.parent)
        remove_leftovers(path.parent)
    mode = _mode_of(path)
    stem = os.fsdecode(os.fsencode(path.stem)[:_LONGEST_STEM])
    name = f".{stem}.{os.getpid()}-{secrets.token_hex(_TOKEN)}{path.suffix}"
    beside = path.with_name(name)
    # Its owner may always write while it is written; others may never more than in the end.
    first = 0o666 if mode is None else mode | stat.S_IWUSR | stat.S_IRUSR
    handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | _CAREFUL, first)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield beside
        # Anew: some writers put another file there.
        written = os.open(beside, os.O_RDWR | _CAREFUL)
        try:
            if not stat.S_ISREG(os.fstat(written).st_mode):
                raise OSError(f"{beside}: is no regular file any more")
            if mode is not None:
                os.fchmod(written, mode)
            os.fsync(written)
        finally:
            os.close(written)
        beside.replace(path)
        sync_folder(path.parent)
    finally:
        os.close(handle)
        beside.unlink(missing_ok=True)


def remove_leftovers(folder: Path, name: str = "") -> tuple[int, int]:
    """Remove what processes that were killed left in a folder while they wrote beside.

    Args:
        folder: that is looked through, without those below.
        name: what the files are called whose like was written; it may be their beginning. Files of
            before there were tokens are only removed with one.

    Returns:
        how many files, and how many bytes.
    """
    count = size = 0
    for path in sorted(p for p in folder.iterdir() if p.name.startswith(f".{name}")):
        found = _BESIDE.fullmatch(path.name)
        if found is None or not (found[2] or name) or not _is_left(path, int(found[1])):
            continue
        with contextlib.suppress(OSError):  # another process was quicker, or it is not ours
            held = path.lstat().st_size
            path.unlink()
            count, size = count + 1, size + held
    return count, size


def _is_left(path: Path, process: int) -> bool:
    """Whether nobody writes it: its process is gone, and no other one, of a container, locks it."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        pass
    except OverflowError:
        return False
    except PermissionError:  # it is another user's
        return False
    else:
        return False
    try:
        handle = os.open(path, os.O_RDONLY | _CAREFUL)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return stat.S_ISREG(os.fstat(handle).st_mode)
    finally:
        os.close(handle)


def _mode_of(path: Path) -> int | None:
    """The permissions of a file that is to be replaced; None: there is none, or it is a link."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return stat.S_IMODE(found.st_mode) & 0o777 if stat.S_ISREG(found.st_mode) else None


def write_json(path: Path, data: Any) -> None:
    """Write JSON for people and programs: indented, sorted as given, ending in a newline."""
    with replacing(path) as beside:
        text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
        beside.write_text(text + "\n", encoding="utf-8")


def sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
