"""A camera and the thread that reads it.

A live camera's newest image waits for the reader; one that comes before the
last was taken takes its place, and the loss is counted. Of the others, a few
images are read ahead, and none is lost. A recording that is the only source and
quick to decode is read without a thread: an image that another core has decoded
takes longer to fetch from there than one of 640 × 480 takes to decode.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from queue import SimpleQueue

from edgenets.errors import EdgenetsError, SourceError

from . import Camera, Frame, Item

# Images of a recording that are read ahead: decoding goes on while a model computes.
READ_AHEAD = 3

# After so many images of a recording it is decided whether reading it is worth a thread, which
# costs about 0.3 ms an image.
_TRIED, _WORTH_A_THREAD = 16, 1e-3  # images, s each


@dataclass(frozen=True)
class Ended:
    """A source has no more; `error` says why, where it was not its end."""

    error: EdgenetsError | None = None


class Feed:
    """Items of one camera. A token in `ready` stands for each that can be taken."""

    def __init__(
        self, camera: Camera, ready: SimpleQueue[Feed | None], alone: bool = False
    ) -> None:
        """Make it; `start` begins.

        Args:
            ready: gets this feed for every item that can be taken.
            alone: no other source waits when this one is slow.
        """
        self.camera, self._ready = camera, ready
        self._source: Iterator[Item] | None = None  # while it is read without a thread
        self._rest: Iterator[Item] | None = None  # what a thread goes on with
        self._alone = alone and not camera.live
        self._tried, self._spent = 0, 0.0  # images, s
        self.dropped = 0  # images of a live camera that nobody took in time
        self.seen_at = time.monotonic()  # when the last image came
        self.started_at = self.seen_at  # when it began to be read
        self.ended = False
        self._items: deque[Item | Ended] = deque()
        self._lock = threading.Lock()
        # Tokens for images that may be read ahead; a queue of C, where a semaphore is Python.
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(READ_AHEAD):
            self._room.put(None)
        self._closed = False
        self._thread = threading.Thread(target=self._read, name=camera.name, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self.started_at = self.seen_at = time.monotonic()
        if self._alone:
            self._source = self.camera.items()
            self._ready.put(self)
        else:
            self._thread.start()

    def take(self) -> Item | Ended:
        """The next item; there is one for each token."""
        if self._source is not None:
            return self._pulled(self._source)
        with self._lock:
            item = self._items.popleft()
        if isinstance(item, Frame) and not self.camera.live:
            self._room.put(None)
        self.ended = self.ended or isinstance(item, Ended)
        return item

    def close(self) -> None:
        """End the reading soon. It never blocks; safe in a signal handler."""
        self._closed = True
        self.camera.close()
        self._room.put(None)  # the thread may wait for room

    def join(self, timeout: float) -> bool:
        """After `close`, wait for the thread to end; say whether it has."""
        if isinstance(self._source, Generator):
            self._source.close()
        if self._thread.ident is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _pulled(self, source: Iterator[Item]) -> Item | Ended:
        """The next item, read here and now; a thread goes on where that takes long."""
        begun = time.perf_counter()
        try:
            item: Item | Ended = Ended() if self._closed else next(source, Ended())
        except Exception as exc:
            item = self._failed(exc)
        if isinstance(item, Ended):
            self.ended = True
            return item
        self._tried += 1
        self._spent += time.perf_counter() - begun
        if self._tried == _TRIED and self._spent > _TRIED * _WORTH_A_THREAD:
            self._source, self._rest = None, source
            self._thread.start()
        else:
            self._ready.put(self)
        return item

    def _read(self) -> None:
        end = Ended()
        try:
            for item in self._rest if self._rest is not None else self.camera.items():
                if self._closed:
                    break
                self._put(item)
        except Exception as exc:
            end = self._failed(exc)
        with self._lock:
            self._items.append(end)
        self._ready.put(self)

    def _failed(self, exc: Exception) -> Ended:
        """Why a source ends; third-party code may raise anything."""
        if isinstance(exc, EdgenetsError):
            return Ended(exc)
        reason = f"{type(exc).__name__}: {exc}"
        return Ended(SourceError(f"{self.camera.name}: reading it failed: {reason}"))

    def _put(self, item: Item) -> None:
        if isinstance(item, Frame):
            self.seen_at = time.monotonic()
            if not self.camera.live:
                self._room.get()
                if self._closed:
                    return
            elif self._replaced(item):
                return
        with self._lock:
            self._items.append(item)
        self._ready.put(self)

    def _replaced(self, frame: Frame) -> bool:
        """Put a newer image where one still waits."""
        with self._lock:
            for at, waiting in enumerate(self._items):
                if isinstance(waiting, Frame):
                    self._items[at] = frame
                    self.dropped += 1
                    return True
        return False
