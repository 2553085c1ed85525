"""Bytes to lines of text, however they were cut up; what is no text is reported, not guessed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edgenets.errors import SourceError

from ..sources import SourceNotice
from . import Line

# Longer than any sentence, record or paragraph; a line without an end must not fill the memory.
LONGEST = 1 << 20  # bytes


class Splitter:
    """Takes bytes, gives lines."""

    def __init__(self, name: str) -> None:
        """Begin.

        Args:
            name: of the source, for messages.
        """
        self._name = name
        self._rest = bytearray()
        self._number = 0
        self._dropped = 0  # bytes of a line that is too long

    def push(self, data: bytes) -> Iterator[Line | SourceNotice]:
        """The lines that these bytes complete.

        Raises:
            SourceError: the first line is no text.
        """
        *whole, last = data.split(b"\n")
        for part in whole:
            self._take(part)
            yield self._line()
        self._take(last)

    def finish(self) -> Iterator[Line | SourceNotice]:
        """A last line that nothing ends; errors as `push`."""
        if self._rest or self._dropped:
            yield self._line()

    def _take(self, part: bytes) -> None:
        if self._dropped or len(self._rest) + len(part) > LONGEST:
            self._dropped += len(self._rest) + len(part)
            self._rest.clear()
        else:
            self._rest += part

    def _line(self) -> Line | SourceNotice:
        data, dropped = bytes(self._rest), self._dropped
        self._rest.clear()
        self._dropped = 0
        self._number += 1
        where = f"{self._name}, line {self._number}"
        if dropped:
            return SourceNotice(
                "skipped", f"{where}: {dropped:,} bytes long, dropped; {LONGEST:,} are the most"
            )
        fault = _fault(data)
        if fault is None:
            text = data.decode().removesuffix("\r")
            return Line(text.removeprefix("\ufeff"), self._number, time.monotonic())
        if self._number == 1:
            raise SourceError(f"{where}: {fault}: this is no text; UTF-8, a line each, is needed")
        return SourceNotice("skipped", f"{where}: {fault}; dropped")


def _fault(data: bytes) -> str | None:
    """Why bytes are no text."""
    if b"\0" in data:
        return f"a byte of zero at {data.index(0) + 1}"
    try:
        data.decode()
    except UnicodeDecodeError as exc:
        return f"byte {exc.start + 1} (0x{data[exc.start]:02x}) is no UTF-8"
    return None
