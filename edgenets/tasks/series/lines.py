"""Readings in, a line each: what forecasts and anomalies have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

from edgenets.errors import DataError, SourceError
from edgenets.events import Event
from edgenets.tasks.lines import Events, Line, LinePipeline
from edgenets.tasks.series.events import SeriesSummary
from edgenets.tasks.series.readings import Reading, ReadingParser


class ReadingLines(LinePipeline[SeriesSummary]):
    """A line is a reading, or is reported to be none."""

    def __init__(self, summary: SeriesSummary, columns: Sequence[str] | None) -> None:
        """`columns`: to read; None: all that the first line names."""
        super().__init__(summary)
        self.parser = ReadingParser(columns)

    @abstractmethod
    def take(self, reading: Reading, line: Line) -> Iterator[Event]:
        """What a reading leads to."""

    def push(self, line: Line) -> Events:
        """See `LinePipeline.push`."""
        try:
            reading = self.parser.parse(line.text)
        except DataError as exc:
            text = f"{self.source}, line {line.number}: {exc}"
            if not self.summary.readings and line.number == 1:
                raise SourceError(text) from exc
            yield self.notice("skipped", f"{text}; dropped")
            return False
        if reading is None:
            return False
        yield from self.take(reading, line)
        return True

    def finish(self) -> Iterator[Event]:
        """See `LinePipeline.finish`."""
        if not self.summary.readings:
            raise SourceError(f"{self.source}: no reading in it could be taken")
        yield from ()
