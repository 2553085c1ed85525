"""What sinks over a network share: a thread that sends, and a backlog that is bounded."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

from edgenets.errors import SinkError
from edgenets.events import Event, Seen

# Events that wait for a network that is away: what is lost beyond it is counted.
BACKLOG = 1000

# A server that is away is tried again at once, then ever slower.
RETRY_FIRST, RETRY_LONGEST = 0.5, 30.0  # s

# What is still to be sent at the end is tried for so long.
LAST_WAIT = 5.0  # s
_LAST_RETRY = 0.3  # s between the tries then
_LEAVE = 1.0  # s that the thread has to leave

# Failures in a row from which a person is notified.
_TELL_AFTER = 3


class RemoteSink(ABC):
    """Sends events as JSON from a thread of its own; in order, and again until they arrive."""

    def __init__(self, name: str, backlog: int = BACKLOG) -> None:
        """Make it; `start` begins to send.

        Args:
            name: for messages; no secret in it.
            backlog: events that wait at most.
        """
        self.name = name
        self.lost = 0  # events that the backlog had no room for
        self._backlog = backlog
        self._waiting: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._closing, self._closed = threading.Event(), threading.Event()
        self.trouble = ""  # why the last try failed
        self.refused = 0  # events that the server does not want, now or later
        self._listener: Callable[[str], None] | None = None
        self._unsaid: list[str] = []
        self._empty_seen: set[str] = set()
        self._thread = threading.Thread(target=self._send_all, name=name, daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    @abstractmethod
    def send(self, data: bytes) -> bool:
        """Deliver one event; False, or any exception: not now, and `trouble` says why."""

    def reported(self) -> bool:
        """Whether a person knows already why nothing is delivered just now."""
        return False

    @property
    def complain(self) -> Callable[[str], None]:
        """Whom trouble is reported to; what happened before there was somebody is not lost."""
        return self._listener or self._unsaid.append

    @complain.setter
    def complain(self, listener: Callable[[str], None]) -> None:
        self._listener = listener
        while self._unsaid:
            listener(self._unsaid.pop(0))

    def say(self, text: str) -> None:
        """Report something of this sink."""
        self.complain(f"{self.name}: {text}")

    @property
    def held(self) -> int:
        """Events that were taken and are not delivered."""
        return self.lost + self.refused + len(self._waiting)

    def write(self, event: Event) -> None:
        """Take an event. Images with nothing on them are reported once, until something is.

        Where the backlog is full, its oldest event is lost, and counted.
        """
        if isinstance(event, Seen) and self._says_nothing_new(event):
            return
        data = json.dumps(event.plain()).encode()
        with self._changed:
            if len(self._waiting) >= self._backlog:
                self._waiting.popleft()
                self.lost += 1
                if self.lost == 1:
                    self.say(f"{self._backlog} events wait; the oldest are lost")
            self._waiting.append(data)
            self._changed.notify_all()

    def close(self) -> None:
        """Send what waits, for a while.

        Raises:
            SinkError: something was lost, or could not be sent any more.
        """
        self._closing.set()  # who waits for a server to come back tries at once
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting, LAST_WAIT)
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(_LEAVE)
        if self.held:
            error = SinkError(self._losses())
            error.count = self.held
            raise error

    def _losses(self) -> str:
        """What was not delivered, in words."""
        parts = []
        if self.refused:
            parts.append(f"the server refused {self.refused} events")
        if self.lost:
            room = f"for want of room in the backlog of {self._backlog}"
            parts.append(f"{self.lost} events were lost {room}")
        if self._waiting:
            why = f" ({self.trouble})" if self.trouble else ""
            parts.append(f"{len(self._waiting)} could not be sent{why}")
        return ", ".join(parts)

    def _says_nothing_new(self, event: Seen) -> bool:
        if event.found or event.crossings:
            self._empty_seen.discard(event.source)
            return False
        known = event.source in self._empty_seen
        self._empty_seen.add(event.source)
        return known

    def _send_all(self) -> None:
        delay, failed, said = RETRY_FIRST, 0, False
        while not self._closed.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
                if not self._waiting:
                    return
                data = self._waiting[0]
            if self._tried(data):
                if said:
                    self.say("delivers again")
                delay, failed, said = RETRY_FIRST, 0, False
                with self._changed:
                    # While it was sent, a full backlog may have given it up.
                    if self._waiting and self._waiting[0] is data:
                        self._waiting.popleft()
                    else:
                        self.lost -= 1
                    self._changed.notify_all()
                continue
            failed += 1
            if failed >= _TELL_AFTER and not said and not self.reported():
                said = True
                self.say(f"cannot deliver ({self.trouble}); it goes on trying")
            if self._closing.is_set():
                self._closed.wait(_LAST_RETRY)
            else:
                self._closing.wait(delay)
                delay = min(2 * delay, RETRY_LONGEST)

    def _tried(self, data: bytes) -> bool:
        """Send one event; a server may answer with anything, and that ends no thread."""
        try:
            return self.send(data)
        except Exception as exc:
            self.trouble = f"{type(exc).__name__}: {exc}"
            return False
