"""Standard input, read as bytes come, by a thread that may be woken."""

from __future__ import annotations

import os
import select

from edgenets.errors import SourceError

STDIN = 0  # the descriptor itself: sys.stdin would buffer, and wait for full buffers


class Descriptor:
    """Bytes from a descriptor, as soon as they are there. The writer waits for us."""

    def __init__(self, descriptor: int = STDIN) -> None:
        """Take a descriptor, which stays the caller's to close.

        Raises:
            SourceError: it is closed.
        """
        self._wake = self._waker = -1  # `close` writes to a pipe, so that a read does not wait
        try:
            os.fstat(descriptor)
        except OSError as exc:  # closed; the pipe below would take its number
            raise SourceError(f"standard input cannot be read: {exc.strerror}") from exc
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._descriptor = descriptor
        self.closed = False

    def __del__(self) -> None:
        # Not in `close`: a descriptor closed while another thread polls it may be reused by then.
        for end in (self._wake, self._waker):
            if end >= 0:
                os.close(end)

    def close(self) -> None:
        """Make `read` return; from any thread or signal handler, and never blocking."""
        if not self.closed:
            self.closed = True
            os.write(self._waker, b".")

    def read(self, most: int, patience: float | None = None) -> bytes | None:
        """What is there, b"" at the end, None when it is time to look at `closed` again.

        Args:
            patience: s that it is waited for, at most; None: as long as it takes.

        Raises:
            SourceError: it cannot be read.
        """
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        poll.poll(None if patience is None else 1000 * patience)
        if self.closed or (patience is not None and not poll.poll(0)):
            return None
        try:
            return os.read(self._descriptor, most)
        except BlockingIOError:  # another reader of a shared stdin was faster
            return None
        except OSError as exc:
            raise SourceError(f"standard input cannot be read: {exc.strerror}") from exc


class Buffered:
    """Bytes from a descriptor that may be looked at before they are taken."""

    def __init__(self, descriptor: int = STDIN) -> None:
        """Take a descriptor, which stays the caller's to close; errors as `Descriptor`."""
        self._input = Descriptor(descriptor)
        self.pending = b""  # that have come
        self.offset = 0  # bytes that were taken

    def close(self) -> None:
        """See `Descriptor.close`."""
        self._input.close()

    def fill(self, most: int, patience: float | None = None) -> bool:
        """Wait for more bytes; whether there are. See `Descriptor.read`."""
        while not self._input.closed:
            data = self._input.read(most, patience)
            if data is not None:
                self.pending += data
                return bool(data)
            if patience is not None:
                break
        return False

    def peek(self, size: int, patience: float | None = None) -> bytes:
        """So many bytes, or as many as come in time."""
        while len(self.pending) < size and self.fill(size - len(self.pending), patience):
            pass
        return self.pending[:size]

    def read(self, size: int, /) -> bytes:
        """Take so many bytes; fewer at the end alone."""
        data = self.peek(size)
        self.pending = self.pending[len(data) :]
        self.offset += len(data)
        return data

    def skip(self, size: int) -> None:
        """Take bytes that nobody needs."""
        while size and (data := self.read(min(size, 1 << 16))):
            size -= len(data)
