"""What runs over readings share: a line is a reading, or is said to be none."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.errors import DataError, SourceError
from edgenets.events import Notice, SeriesSummary
from edgenets.tasks.series.readings import Reading, ReadingParser

from .delivery import AnyEvent
from .linerun import LineRun
from .lines import Line


class ReadingRun(LineRun[AnyEvent, SeriesSummary], Generic[AnyEvent]):
    """One run of a bundle over readings, a line each."""

    def __init__(
        self, bundle: Bundle, session: Session, source_uri: str, columns: Sequence[str] | None
    ) -> None:
        """Open the source.

        Args:
            columns: to read; None: all that the first line names.

        Raises:
            SourceError: it cannot be opened.
        """
        summary = SeriesSummary(str(bundle.path), session.artifact.id, session.runs_on)
        super().__init__(source_uri, summary)
        self._parser = ReadingParser(columns)

    @abstractmethod
    def _take(self, reading: Reading, line: Line) -> Iterator[AnyEvent | Notice]:
        """What a reading leads to."""

    def _end(self) -> Iterator[AnyEvent | Notice]:
        """See `LineRun._end`."""
        if not self.summary.readings:
            raise SourceError(f"{self.source_name}: no reading in it could be taken")
        yield from ()

    def _read(self, line: Line) -> Iterator[AnyEvent | Notice]:
        try:
            reading = self._parser.parse(line.text)
        except DataError as exc:
            text = f"{self.source_name}, line {line.number}: {exc}"
            if not self.summary.readings and line.number == 1:
                raise SourceError(text) from exc
            yield self._notice("skipped", f"{text}; passed over")
            return
        if reading is not None:
            yield from self._take(reading, line)
            self.vitals.infer(time.monotonic() - line.captured)
