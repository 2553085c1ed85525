"""`SeriesRun`: readings in, a line at a time; forecasts out."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.errors import SourceError
from edgenets.events import Forecast, Notice
from edgenets.spec import spec_as
from edgenets.tasks.series.forecast_pipeline import Forecaster, ForecastWindows
from edgenets.tasks.series.readings import Reading
from edgenets.tasks.series.regular import Gap, Oddity, Regular
from edgenets.tasks.series.spec import ForecastSpec

from .lines import Line
from .readingrun import ReadingRun


class SeriesRun(ReadingRun[Forecast]):
    """One run of a bundle that says how series go on."""

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
        spec = spec_as(bundle.spec, ForecastSpec)
        super().__init__(bundle, session, source_uri, spec.input.columns)
        self._spec = spec
        columns, interval = len(spec.input.columns), spec.input.interval
        self._regular = Regular(columns, interval, spec.input.longest_gap)
        self._forecaster = Forecaster(spec, session)
        self._every = every or (1 if self._source.live else None)
        self._last: Forecast | None = None  # that was not told

    def _take(self, reading: Reading, line: Line) -> Iterator[Forecast | Notice]:
        for item in self._regular.push(reading):
            if isinstance(item, Oddity):
                yield self._notice(item.kind, f"line {line.number}: {item.text}", item.count)
            elif isinstance(item, Gap):
                self._forecaster.reset()
                yield self._notice("gap", f"line {line.number}: {item.text}")
            else:
                self.summary.readings += item.measured
                found = self._forecaster.push(item.values)
                if found is not None:
                    self.summary.forecasts += 1
                    yield from self._event(found, item.time, line)

    def _end(self) -> Iterator[Forecast | Notice]:
        if self._last is not None:
            yield self._counted(self._last)
        yield from super()._end()
        if not self.summary.forecasts:
            raise SourceError(
                f"{self.source_name}: {self._forecaster.readings} readings; "
                f"{self._spec.input.segment} at least, one after another, are needed to foresee "
                f"anything"
            )

    def _event(self, found: ForecastWindows, stamp: float | None, line: Line) -> Iterator[Forecast]:
        now = time.monotonic()
        event = Forecast(
            self.source_name, self._spec.input.columns, found.median, found.low, found.high,
            found.readings, line.number, stamp, self._spec.input.interval,
            now - self._started, now - line.captured,
        )  # fmt: skip
        if self._every is not None and self.summary.readings % self._every == 0:
            self._last = None
            yield self._counted(event)
        else:
            self._last = event

    def _counted(self, event: Forecast) -> Forecast:
        self.summary.reported += 1
        return event
