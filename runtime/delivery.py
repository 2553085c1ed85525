"""What runs of all kinds share: their results go to sinks, to the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from edgenets.errors import SinkError
from edgenets.events import Event, Summary

from .sinks import Sinks
from .vitals import Vitals

AnyEvent = TypeVar("AnyEvent", bound=Event)
Sum = TypeVar("Sum", bound=Summary)


class Delivery(ABC, Generic[AnyEvent, Sum]):
    """A run that one thread iterates over."""

    summary: Sum
    vitals: Vitals
    source_name: str

    @abstractmethod
    def __iter__(self) -> Iterator[AnyEvent]:
        """Results and notices, as they come."""

    @abstractmethod
    def stop(self) -> None:
        """End the run soon; safe from a signal handler or another thread."""

    def deliver(self, sink_uris: Sequence[str], complain: Callable[[str], None]) -> Sum:
        """Run to the end, into sinks.

        Raises:
            SinkError: a sink cannot be opened; one that fails later is only complained of.
        """
        try:
            sinks = Sinks(sink_uris, complain, self)
        except SinkError:
            self.stop()
            raise
        try:
            for event in self:
                sinks.write(event)
        finally:
            sinks.close()
            self.summary.sink_failures = sinks.failures
        return self.summary
