"""What runs over lines share: the source, its notices, and the time that it took."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

from edgenets.errors import DataError
from edgenets.events import Notice, SeriesSummary, TextSummary

from .delivery import AnyEvent, Delivery
from .lines import Line, open_lines
from .sources import SourceNotice
from .vitals import Vitals

LineSum = TypeVar("LineSum", TextSummary, SeriesSummary)


class LineRun(Delivery["AnyEvent | Notice", LineSum], Generic[AnyEvent, LineSum]):
    """One run of a bundle over the lines of a source."""

    def __init__(self, source_uri: str, summary: LineSum) -> None:
        """Open the source.

        Raises:
            SourceError: it cannot be opened.
        """
        self._source = open_lines(source_uri)
        self._started = time.monotonic()
        self.source_name = self._source.name
        self.vitals = Vitals()
        self.summary = summary

    @abstractmethod
    def _read(self, line: Line) -> Iterator[AnyEvent | Notice]:
        """What a line leads to."""

    def _end(self) -> Iterator[AnyEvent | Notice]:
        """What the end of the source leaves to be said; SourceError where nothing was done."""
        return iter(())

    def stop(self) -> None:
        """See `Delivery.stop`."""
        self._source.close()

    def __iter__(self) -> Iterator[AnyEvent | Notice]:
        self._started, cpu = time.monotonic(), time.process_time()
        try:
            for item in self._source:
                if isinstance(item, SourceNotice):
                    yield self._notice(item.kind, item.text)
                else:
                    yield from self._read(item)
            yield from self._end()
        finally:
            self._source.close()
            self.summary.wall_seconds = time.monotonic() - self._started
            self.summary.cpu_seconds = time.process_time() - cpu

    def _notice(self, kind: str, text: str, count: int = 1) -> Notice:
        self.summary.notices[kind] = self.summary.notices.get(kind, 0) + count
        self.vitals.notice(kind, text)
        return Notice(self.source_name, kind, text, time.monotonic() - self._started)


class AnswerRun(LineRun[AnyEvent, TextSummary], Generic[AnyEvent]):
    """One answer for each line; blank ones are passed over, and what cannot be read is said."""

    @abstractmethod
    def _answer(self, line: Line) -> AnyEvent:
        """What a line is answered; DataError where it cannot be read."""

    def _read(self, line: Line) -> Iterator[AnyEvent | Notice]:
        if not line.text.strip():
            return
        try:
            found = self._answer(line)
        except DataError as exc:
            yield self._notice("skipped", f"{self.source_name}, line {line.number}: {exc}")
            return
        self.summary.texts += 1
        self.vitals.infer(time.monotonic() - line.captured)
        yield found
