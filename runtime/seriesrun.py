"""`SeriesRun`: readings in, a line at a time; forecasts out."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.errors import DataError, SourceError
from edgenets.events import Forecast, Remark, SeriesSummary
from edgenets.series.readings import ReadingParser
from edgenets.series.regular import Gap, Oddity, Regular
from edgenets.series.spec import ForecastSpec

from .delivery import Delivery
from .forecaster import Forecaster, Foreseen
from .lines import Line, open_lines
from .sources import Notice
from .vitals import Vitals


class SeriesRun(Delivery["Forecast | Remark", SeriesSummary]):
    """One run of a bundle over readings."""

    def __init__(
        self, bundle: Bundle, session: Session, source_uri: str, every: int | None = None
    ) -> None:
        """Open the source.

        Args:
            every: tell of every so many readings; None: of every one where they come live, of the
                last one alone where they are in a file.

        Raises:
            SourceError: it cannot be opened.
        """
        spec = bundle.spec
        assert isinstance(spec, ForecastSpec), "the command line gives others elsewhere"
        self._spec = spec
        self._parser = ReadingParser(spec.input.columns)
        columns, interval = len(spec.input.columns), spec.input.interval
        self._regular = Regular(columns, interval, spec.input.longest_gap)
        self._forecaster = Forecaster(spec, session)
        self._source = open_lines(source_uri)
        self._every = every or (1 if self._source.live else None)
        self._last: Forecast | None = None  # that was not told
        self.source_name = self._source.name
        self.vitals = Vitals()
        self.summary = SeriesSummary(str(bundle.path), session.artefact.id, session.runs_on)

    def stop(self) -> None:
        """See `Delivery.stop`."""
        self._source.close()

    def __iter__(self) -> Iterator[Forecast | Remark]:
        self._started, cpu = time.monotonic(), time.process_time()
        try:
            for item in self._source:
                if isinstance(item, Notice):
                    yield self._remark(item.kind, item.text)
                else:
                    yield from self._read(item)
            if self._last is not None:
                yield self._told(self._last)
            if not self.summary.readings:
                raise SourceError(f"{self.source_name}: no reading in it could be taken")
            if not self.summary.foreseen:
                need = self._spec.input.segment
                raise SourceError(
                    f"{self.source_name}: {self._forecaster.readings} readings; {need} at least, "
                    f"one after another, are needed to foresee anything"
                )
        finally:
            self._source.close()
            self.summary.wall_seconds = time.monotonic() - self._started
            self.summary.cpu_seconds = time.process_time() - cpu

    def _read(self, line: Line) -> Iterator[Forecast | Remark]:
        try:
            reading = self._parser.parse(line.text)
        except DataError as exc:
            text = f"{self.source_name}, line {line.number}: {exc}"
            if not self.summary.readings and line.number == 1:
                raise SourceError(text) from exc
            yield self._remark("skipped", f"{text}; passed over")
            return
        if reading is None:
            return
        for item in self._regular.push(reading):
            if isinstance(item, Oddity):
                yield self._remark(item.kind, f"line {line.number}: {item.text}", item.count)
            elif isinstance(item, Gap):
                self._forecaster.reset()
                yield self._remark("gap", f"line {line.number}: {item.text}")
            else:
                self.summary.readings += item.measured
                found = self._forecaster.push(item.values)
                self.vitals.infer(time.monotonic() - line.captured)
                if found is not None:
                    self.summary.foreseen += 1
                    yield from self._event(found, item.time, line)

    def _event(self, found: Foreseen, stamp: float | None, line: Line) -> Iterator[Forecast]:
        now = time.monotonic()
        event = Forecast(
            self.source_name, self._spec.input.columns, found.median, found.low, found.high,
            found.readings, line.number, stamp, self._spec.input.interval,
            now - self._started, now - line.captured,
        )  # fmt: skip
        if self._every is not None and self.summary.readings % self._every == 0:
            self._last = None
            yield self._told(event)
        else:
            self._last = event

    def _told(self, event: Forecast) -> Forecast:
        self.summary.told += 1
        return event

    def _remark(self, kind: str, text: str, count: int = 1) -> Remark:
        self.summary.remarks[kind] = self.summary.remarks.get(kind, 0) + count
        self.vitals.remark(kind, text)
        return Remark(self.source_name, kind, text, time.monotonic() - self._started)
