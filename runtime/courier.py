"""A thread that delivers: no sink, however slow, holds up the model."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from edgenets.events import Notice, Seen

from .sinks import Sinks

# Events that wait to be delivered, at most: images are large.
_WAITING = 8

# A sink that hangs is not waited for longer at the end.
_LAST_WAIT = 20.0  # s

# How long the end of a run may go unnoticed while sinks are waited for.
_SLICE = 0.2  # s


class Courier:
    """Gives events to sinks, in order, from a thread of its own."""

    def __init__(
        self, sinks: Sinks, drops: bool, stopped: Callable[[], bool] = lambda: False,
        complain: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """Start the thread.

        Args:
            drops: leave out the oldest image where sinks are too slow, as live sources need
                it; else wait for them.
            stopped: whether the run is to end, sinks or no sinks.
            complain: told where a sink hangs at the end.
        """
        self._sinks, self._drops = sinks, drops
        self._stopped, self._complain = stopped, complain
        self.dropped = 0  # images that no sink got
        self._waiting: deque[Seen | Notice] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._deliver, name="sinks", daemon=True)
        self._thread.start()

    def give(self, event: Seen | Notice) -> None:
        """Take an event to be delivered."""
        with self._changed:
            if self._drops:
                self._make_room()
            else:
                while not self._changed.wait_for(self._has_room, _SLICE):
                    if self._stopped():
                        break
            self._waiting.append(event)
            self._changed.notify_all()

    def close(self) -> None:
        """Deliver what waits, and close the sinks."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_LAST_WAIT)
        if self._thread.is_alive():
            self._sinks.failures += len(self._waiting) + 1
            self._complain(f"a sink hangs: {len(self._waiting) + 1} results were not delivered")

    def _has_room(self) -> bool:
        return len(self._waiting) < _WAITING

    def _make_room(self) -> None:
        """Leave out the oldest image; what a person should know always goes through."""
        if len(self._waiting) < _WAITING:
            return
        for at, event in enumerate(self._waiting):
            if isinstance(event, Seen):
                del self._waiting[at]
                self.dropped += 1
                return

    def _deliver(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    break
                event = self._waiting.popleft()
                self._changed.notify_all()
            self._sinks.write(event)
        self._sinks.close()
