"""What runs over readings share: a line is a reading, or is said to be none."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.errors import DataError, SourceError
from edgenets.events import Remark, SeriesSummary
from edgenets.series.readings import Reading, ReadingParser

from .delivery import AnyEvent, Delivery
from .lines import Line, open_lines
from .sources import Notice
from .vitals import Vitals


class ReadingRun(Delivery["AnyEvent | Remark", SeriesSummary], Generic[AnyEvent]):
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
        self._parser = ReadingParser(columns)
        self._source = open_lines(source_uri)
        self._started = time.monotonic()
        self.source_name = self._source.name
        self.vitals = Vitals()
        self.summary = SeriesSummary(str(bundle.path), session.artefact.id, session.runs_on)

    @abstractmethod
    def _take(self, reading: Reading, line: Line) -> Iterator[AnyEvent | Remark]:
        """What a reading leads to."""

    @abstractmethod
    def _end(self) -> Iterator[AnyEvent | Remark]:
        """What the end of the source leaves to be said; SourceError where nothing was done."""

    def stop(self) -> None:
        """See `Delivery.stop`."""
        self._source.close()

    def __iter__(self) -> Iterator[AnyEvent | Remark]:
        self._started, cpu = time.monotonic(), time.process_time()
        try:
            for item in self._source:
                if isinstance(item, Notice):
                    yield self._remark(item.kind, item.text)
                else:
                    yield from self._read(item)
            yield from self._end()
            if not self.summary.readings:
                raise SourceError(f"{self.source_name}: no reading in it could be taken")
        finally:
            self._source.close()
            self.summary.wall_seconds = time.monotonic() - self._started
            self.summary.cpu_seconds = time.process_time() - cpu

    def _read(self, line: Line) -> Iterator[AnyEvent | Remark]:
        try:
            reading = self._parser.parse(line.text)
        except DataError as exc:
            text = f"{self.source_name}, line {line.number}: {exc}"
            if not self.summary.readings and line.number == 1:
                raise SourceError(text) from exc
            yield self._remark("skipped", f"{text}; passed over")
            return
        if reading is not None:
            yield from self._take(reading, line)
            self.vitals.infer(time.monotonic() - line.captured)

    def _remark(self, kind: str, text: str, count: int = 1) -> Remark:
        self.summary.remarks[kind] = self.summary.remarks.get(kind, 0) + count
        self.vitals.remark(kind, text)
        return Remark(self.source_name, kind, text, time.monotonic() - self._started)
