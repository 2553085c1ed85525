"""Bytes to lines of text, however they were cut up; what is no text is reported, not guessed.

A line ends as Unix, Windows or old Macs have it, in UTF-8, or in UTF-16 where a file says so by its
first two bytes.
"""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Iterator

from edgenets.errors import SourceError

from ..sources import SourceNotice
from . import Line

# Longer than any sentence, record or paragraph; a line without an end must not fill the memory.
LONGEST = 1 << 20  # bytes


_ENDS = re.compile(b"\r\n|\r|\n")


class Splitter:
    """Takes bytes, gives lines."""

    def __init__(self, name: str, live: bool = False, one_text: bool = True) -> None:
        """Begin.

        Args:
            name: of the source, for messages.
            live: whether a first line that is no text says nothing of those that follow: a serial
                line may begin in the middle of a character.
            one_text: whether the first bytes say how all are encoded; messages are each their own.
        """
        self._name, self._live = name, live
        self._rest = bytearray()
        self._number = self._texts = 0
        self._dropped = 0  # bytes of a line that is too long
        self._returned = False  # the last byte was a carriage return, which ended a line
        self._mark: bytes | None = b"" if one_text else None  # the first bytes, until they say
        self._decoder: codecs.IncrementalDecoder | None = None  # of UTF-16

    @property
    def no_text(self) -> bool:
        """Whether there were lines, and none was text."""
        return self._number > 0 and not self._texts

    def push(self, data: bytes) -> Iterator[Line | SourceNotice]:
        """The lines that these bytes complete.

        Raises:
            SourceError: the first line is no text.
        """
        yield from self._split(self._as_utf8(data))

    def _split(self, data: bytes) -> Iterator[Line | SourceNotice]:
        """The lines that these bytes of UTF-8 complete."""
        if self._returned and data:
            self._returned = False
            data = data.removeprefix(b"\n")
        if not data:
            return
        self._returned = data.endswith(b"\r")
        *whole, last = _ENDS.split(data) if b"\r" in data else data.split(b"\n")
        for part in whole:
            self._take(part)
            yield self._line()
        self._take(last)

    def finish(self) -> Iterator[Line | SourceNotice]:
        """A last line that nothing ends; errors as `push`."""
        if self._mark:
            data, self._mark = self._mark, None
            yield from self._split(data)
        if self._decoder is not None:  # half a character
            yield from self._split(self._decoder.decode(b"", True).encode("utf-8", "replace"))
        if self._rest or self._dropped:
            yield self._line()

    def _as_utf8(self, data: bytes) -> bytes:
        """Bytes of UTF-16 in UTF-8; the first two of a text say whether they are."""
        if self._mark is not None and data:
            data, self._mark = self._mark + data, None
            if len(data) < 2 and data[:1] in (b"\xff", b"\xfe"):
                self._mark = data
                return b""
            if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        if self._decoder is None:
            return data
        return self._decoder.decode(data).encode("utf-8", "replace")

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
        if self._decoder is not None and "\ufffd".encode() in data:
            fault = "a character is no UTF-16"
        if fault is None:
            self._texts += 1
            return Line(data.decode().removeprefix("\ufeff"), self._number, time.monotonic())
        if self._number == 1 and not self._live:
            raise SourceError(
                f"{where}: {fault}: this is no text; UTF-8, a line each, is needed. Of an older "
                f"encoding, as spreadsheets write, `iconv -f WINDOWS-1252 -t UTF-8` makes it"
            )
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
