"""Parts of an HTTP answer that never ends, as cameras send MJPEG.

Cameras differ: boundaries with and without dashes or quotes, lengths that are missing or wrong. A
part is what stands between two boundaries; its length only tells that earlier.
"""

from __future__ import annotations

import http.client
import re
import time

# A part, or what stands before one, is no longer.
MOST_BYTES = 64 << 20

_AT_ONCE = 1 << 16
_LENGTH = re.compile(rb"(?im)^content-length:\s*(\d{1,9})\s*$")
_JPEG_END = b"\xff\xd9"


class Stream:
    """The bytes of an answer, some of which were looked at before."""

    def __init__(self, response: http.client.HTTPResponse, until: float | None = None) -> None:
        """Make it.

        Args:
            until: s of time.monotonic() after which a read is a TimeoutError; None: never.
        """
        self._response, self.until = response, until
        self._buffer = bytearray()

    def some(self) -> bytes:
        """What is there, or comes next; empty at the end.

        Raises:
            OSError: nothing comes.
        """
        if self._buffer:
            data, self._buffer = bytes(self._buffer), bytearray()
            return data
        return self._read()

    def _read(self) -> bytes:
        if self.until is not None and time.monotonic() > self.until:
            raise TimeoutError
        return self._response.read1(_AT_ONCE)

    def peek(self, least: int) -> bytes:
        """So many of the next bytes, or as many as have come with the first; they stay."""
        while not self._buffer or (len(self._buffer) < least and not self._tells()):
            data = self._read()
            if not data:
                break
            self._buffer += data
        return bytes(self._buffer[:least])

    def _tells(self) -> bool:
        """Whether what has come is enough to tell MJPEG, which must not wait for more."""
        start = bytes(self._buffer[:64]).lstrip(b"\r\n")
        return start.startswith((b"--", b"\xff\xd8\xff")) or b":" in start


class Parts:
    """The parts of a multipart answer, or JPEGs that follow one another without any boundary."""

    def __init__(self, stream: Stream, boundary: bytes) -> None:
        """Make it.

        Args:
            boundary: as the header says it; what the stream itself begins with counts more.
        """
        self._stream = stream
        self._data = bytearray()
        start = stream.peek(512).lstrip(b"\r\n")
        line = start.split(b"\n", 1)[0].rstrip()
        self._boundary = line if line.startswith(b"--") and len(line) > 2 else boundary
        self._bare = start.startswith(b"\xff\xd8\xff")
        self._begun = not line.startswith(b"--")  # the first part came without a boundary

    def forever(self) -> None:
        """What comes now may take any time; silence ends it all the same."""
        self._stream.until = None

    def next(self) -> bytes | None:
        """The body of the next part; None at the end.

        Raises:
            OSError: nothing comes.
            ValueError: a part has no end.
        """
        if self._bare:
            return self._up_to_next_jpeg()
        if not self._begun and not self._drop_through(self._boundary):
            return None
        self._begun = False
        head = self._head()
        if head is None:
            return None
        length = _LENGTH.search(head)
        if length is not None and int(length[1]) <= MOST_BYTES:
            size = int(length[1])
            if self._have(size) and self._data[:size].rstrip(b"\0\r\n").endswith(_JPEG_END):
                return self._cut(size, size)
        end = self._find(self._boundary)
        return None if end is None else self._cut(end, end).removesuffix(b"\r\n")

    def _head(self) -> bytes | None:
        """The header lines of a part, up to the empty one."""
        while True:
            found = re.search(rb"\r?\n\r?\n", self._data[: 1 << 14])
            if found is not None:
                return self._cut(found.start(), found.end())
            if len(self._data) > 1 << 14:
                raise ValueError("a part without an end of its header")
            if not self._more():
                return None

    def _up_to_next_jpeg(self) -> bytes | None:
        """A JPEG and what follows it, up to where the next one begins."""
        end = self._find(_JPEG_END + b"\xff\xd8\xff")
        if end is None:
            return None
        return self._cut(end + 2, end + 2)

    def _find(self, mark: bytes) -> int | None:
        """Where a mark is; None where the stream ends before it."""
        start = 0
        while True:
            at = self._data.find(mark, start)
            if at >= 0:
                return at
            start = max(0, len(self._data) - len(mark))
            if len(self._data) > MOST_BYTES:
                raise ValueError(f"no end of an image within {MOST_BYTES >> 20} MiB")
            if not self._more():
                return None

    def _drop_through(self, mark: bytes) -> bool:
        """Leave out what comes up to a mark and its line."""
        at = self._find(mark)
        if at is None:
            return False
        del self._data[: at + len(mark)]
        end = self._find(b"\n")
        if end is not None:
            del self._data[: end + 1]
        return end is not None

    def _have(self, size: int) -> bool:
        while len(self._data) < size:
            if not self._more():
                return False
        return True

    def _cut(self, size: int, through: int) -> bytes:
        data = bytes(self._data[:size])
        del self._data[:through]
        return data

    def _more(self) -> bool:
        data = self._stream.some()
        self._data += data
        return bool(data)


def boundary_of(content_type: str) -> bytes:
    """The line that a header says to stand between parts; some cameras' headers have its dashes."""
    found = re.search(r'boundary\s*=\s*("[^"]*"|[^;\s]+)', content_type, re.I)
    text = found[1].strip('"') if found else ""
    return (text if text.startswith("--") else f"--{text}").encode("latin-1", "replace")
