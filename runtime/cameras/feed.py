"""A camera and the thread that reads it.

A live camera's newest picture waits for the reader; one that comes before the
last was taken takes its place, and the loss is counted. Of the others, a few
pictures are read ahead, and none is lost.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from queue import SimpleQueue

from edgenets.errors import EdgenetsError, SourceError

from . import Camera, Frame, Item

# Pictures of a recording that are read ahead: decoding goes on while a model computes.
READ_AHEAD = 3


@dataclass(frozen=True)
class Ended:
    """A source has no more; `error` says why, where it was not its end."""

    error: EdgenetsError | None = None


class Feed:
    """Items of one camera. A token in `ready` stands for each that can be taken."""

    def __init__(self, camera: Camera, ready: SimpleQueue[Feed | None]) -> None:
        self.camera, self._ready = camera, ready
        self.dropped = 0  # pictures of a live camera that nobody took in time
        self.seen_at = time.monotonic()  # when the last picture came
        self.ended = False
        self._items: deque[Item | Ended] = deque()
        self._lock = threading.Lock()
        self._room = threading.Semaphore(READ_AHEAD)
        self._closed = False
        self._thread = threading.Thread(target=self._read, name=camera.name, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def take(self) -> Item | Ended:
        """The next item; there is one for each token."""
        with self._lock:
            item = self._items.popleft()
        if isinstance(item, Frame) and not self.camera.live:
            self._room.release()
        self.ended = self.ended or isinstance(item, Ended)
        return item

    def close(self) -> None:
        """End the reading soon. It never blocks; safe in a signal handler."""
        self._closed = True
        self.camera.close()

    def join(self, timeout: float) -> bool:
        """Wait for the thread to end; say whether it has."""
        self._room.release()  # it may wait for room
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _read(self) -> None:
        end = Ended()
        try:
            for item in self.camera.items():
                if self._closed:
                    break
                self._put(item)
        except EdgenetsError as exc:
            end = Ended(exc)
        except Exception as exc:  # foreign code, in a thread of which nobody would hear
            reason = f"{type(exc).__name__}: {exc}"
            end = Ended(SourceError(f"{self.camera.name}: reading it failed: {reason}"))
        with self._lock:
            self._items.append(end)
        self._ready.put(self)

    def _put(self, item: Item) -> None:
        if isinstance(item, Frame):
            self.seen_at = time.monotonic()
            if not self.camera.live:
                while not self._room.acquire(timeout=0.5):
                    if self._closed:
                        return
            elif self._replaced(item):
                return
        with self._lock:
            self._items.append(item)
        self._ready.put(self)

    def _replaced(self, frame: Frame) -> bool:
        """Put a newer picture where one still waits."""
        with self._lock:
            for at, waiting in enumerate(self._items):
                if isinstance(waiting, Frame):
                    self._items[at] = frame
                    self.dropped += 1
                    return True
        return False
