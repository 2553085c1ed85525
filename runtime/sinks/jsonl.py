"""`jsonl:PATH` or `jsonl:-`: one JSON object a line, delivered at once."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from pathlib import Path
from typing import Protocol

from edgenets.events import Event


def open_sink(rest: str) -> JsonlSink:
    """Append to a file or named pipe, or write to stdout for `-` or nothing."""
    return JsonlSink(_Stdout() if rest in ("", "-") else _File(Path(rest)))


class JsonlSink:
    """Events as lines of JSON; each has an `event` field with its kind."""

    def __init__(self, out: _Lines) -> None:
        self._out = out
        self.on_stdout = isinstance(out, _Stdout)

    def write(self, event: Event) -> None:
        """One line, in ASCII: the name of a file need not be text."""
        self._out.write(json.dumps(event.plain()) + "\n")

    def close(self) -> None:
        """Let go of a file that was opened here."""
        self._out.close()


class _Lines(Protocol):
    def write(self, line: str) -> None: ...

    def close(self) -> None: ...


class _Stdout:
    def write(self, line: str) -> None:
        sys.stdout.write(line)
        sys.stdout.flush()

    def close(self) -> None:
        """Stdout is not this sink's to close."""


class _File:
    """Appends without a buffer, so that a line that failed does not come again with the next."""

    def __init__(self, path: Path) -> None:
        # A pipe that nobody reads is refused, and a full one fails: neither stops the run.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)
        self._open = True
        self._glue = "\n" if _ends_inside_a_line(path) else ""

    def write(self, line: str) -> None:
        if not self._open:
            raise ValueError("the file is closed")
        data = (self._glue + line).encode()
        if os.write(self._descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._glue = ""

    def close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._descriptor)


def _ends_inside_a_line(path: Path) -> bool:
    """Whether a disk was full, or the power gone, in the middle of the last line."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return False
        with path.open("rb") as handle:
            handle.seek(-1, os.SEEK_END)
            return handle.read() != b"\n"
    except OSError:  # a file that may be written and not read
        return False
