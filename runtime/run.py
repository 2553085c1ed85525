"""What runs of all kinds share: their events go to sinks, to the end, and what they came to.

Where sources are live and events are large, a thread of its own delivers: no sink, however slow,
holds up the model.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

import numpy as np

from edgenets.errors import ReaderLeft, SinkError
from edgenets.events import AgedSummary, Event, Notice, Summary

from .sinks import Sinks
from .vitals import Vitals

Sum = TypeVar("Sum", bound=Summary)

# Latencies kept for the percentiles of the summary: the last hour of 30 images a second.
_MOST_AGES = 100_000

# Events that wait to be delivered, at most: images are large.
_WAITING = 8

# A sink that hangs is not waited for longer at the end.
_LAST_WAIT = 20.0  # s

# How long the end of a run may go unnoticed while sinks are waited for.
_SLICE = 0.2  # s


class Run(ABC, Generic[Sum]):
    """A run that one thread iterates over for its events."""

    source_name: str

    def __init__(self, summary: Sum) -> None:
        self.summary, self.vitals = summary, Vitals()
        self._ages: deque[float] = deque(maxlen=_MOST_AGES)

    @abstractmethod
    def __iter__(self) -> Iterator[Event]:
        """Results and notices, as they come."""

    @abstractmethod
    def stop(self) -> None:
        """End the run soon; safe from a signal handler or another thread."""

    def deliver(self, sink_uris: Sequence[str], complain: Callable[[str], None]) -> Sum:
        """Run to the end, into sinks.

        Raises:
            SinkError: a sink cannot be opened; one that fails later is only complained of.
            ReaderLeft: all results went to stdout, and nobody reads it any more.
            SourceError: the last source that was left failed.
        """
        try:
            sinks = Sinks(sink_uris, complain, self)
        except SinkError:
            self.stop()
            raise
        self._into(sinks, complain)
        if sinks.deserted:
            raise ReaderLeft("nobody reads stdout any more")
        return self.summary

    def _into(self, sinks: Sinks, complain: Callable[[str], None]) -> None:
        """All events into sinks, one after another."""
        try:
            for event in self:
                sinks.write(event)
        finally:
            sinks.close()
            self.summary.deliveries(sinks.undelivered)

    def _notice(self, source: str, kind: str, text: str, time: float, count: int = 1) -> Notice:
        """Something that a person should know; it is counted and remembered."""
        self.summary.notice(kind, count)
        self.vitals.notice(kind, text)
        return Notice(source, kind, text, time)

    @contextmanager
    def _timed(self) -> Iterator[float]:
        """A block whose times are the summary's; s of time.monotonic() at its beginning."""
        started, cpu = time.monotonic(), time.process_time()
        try:
            yield started
        finally:
            self.summary.wall_seconds = time.monotonic() - started
            self.summary.cpu_seconds = time.process_time() - cpu
            if self._ages and isinstance(self.summary, AgedSummary):
                p50, p95 = np.percentile(self._ages, (50, 95))
                self.summary.age_ms_p50, self.summary.age_ms_p95 = 1e3 * p50, 1e3 * p95


class DeliveryQueue:
    """Gives events to sinks, in order, from a thread of its own."""

    def __init__(
        self,
        sinks: Sinks,
        drops: bool,
        stopped: Callable[[], bool] = lambda: False,
        complain: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Start the thread.

        Args:
            drops: leave out the oldest image where sinks are too slow, as live sources need
                it; else wait for them.
            stopped: whether the run is to end, sinks or no sinks.
            complain: called where a sink hangs at the end.
        """
        self._sinks, self._drops = sinks, drops
        self._stopped, self._complain = stopped, complain
        self.dropped = 0  # images that no sink got
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="sinks", daemon=True)
        self._thread.start()

    def give(self, event: Event) -> None:
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
        if self._closing.is_set():  # all is given; `Sinks` limits how long that takes
            self._thread.join()
        elif self._thread.is_alive():
            self._sinks.give_up(len(self._waiting))

    def _has_room(self) -> bool:
        return len(self._waiting) < _WAITING

    def _make_room(self) -> None:
        """Leave out the oldest image; what a person should know always goes through."""
        if len(self._waiting) < _WAITING:
            return
        for at, event in enumerate(self._waiting):
            if not isinstance(event, Notice):
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
        self._closing.set()
        self._sinks.close()
