"""Whether who reads stdout has left: seen at once, not with the next result only."""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
from collections.abc import Callable

# How often it is looked whether the watch is to end.
_LOOK = 0.2  # s


class ReaderWatch:
    """A thread that waits for the reader of stdout to leave, where stdout is a pipe or socket."""

    def __init__(self, left: Callable[[], None]) -> None:
        """Start it.

        Args:
            left: called once, from the thread, when nobody reads stdout any more.
        """
        self._left, self._closed = left, threading.Event()
        descriptor = _piped()
        if descriptor is not None:
            watch = threading.Thread(target=self._wait, args=(descriptor,), daemon=True)
            watch.start()

    def close(self) -> None:
        """End the watch."""
        self._closed.set()

    def _wait(self, descriptor: int) -> None:
        poll = select.poll()
        poll.register(descriptor, 0)  # errors and hang-ups are always reported
        while not self._closed.is_set():
            if poll.poll(1e3 * _LOOK):
                self._left()
                return


def _piped() -> int | None:
    """The descriptor of stdout, if it is a pipe or socket and this system can watch it."""
    try:
        descriptor = sys.stdout.fileno()
        mode = os.fstat(descriptor).st_mode
    except (AttributeError, OSError, ValueError):  # none, closed, or one that is no file
        return None
    piped = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
    return descriptor if piped and hasattr(select, "poll") else None
