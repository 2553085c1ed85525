"""Readings in, forecasts out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgenets.backend import Session
from edgenets.errors import SourceError
from edgenets.events import Event
from edgenets.tasks.lines import Line
from edgenets.tasks.series.events import Forecast, SeriesSummary
from edgenets.tasks.series.forecast_pipeline import Forecaster, ForecastWindows
from edgenets.tasks.series.lines import ReadingLines
from edgenets.tasks.series.readings import Reading
from edgenets.tasks.series.regular import Gap, Oddity, Regular
from edgenets.tasks.series.spec import ForecastSpec
from edgenets.tasks.series.tableformat import TableFormat

# Standard deviations from the mean; beyond this a number leaves what models compute in.
_FARTHEST = 1e12


class ForecastLines(ReadingLines):
    """How the columns of a table go on."""

    def __init__(
        self,
        spec: ForecastSpec,
        session: Session,
        summary: SeriesSummary,
        every: int | None,
        format: TableFormat | None = None,
    ) -> None:
        """`every`: report after every so many readings; None: after every one where they come
        live, after the last one alone where they are in a file."""
        super().__init__(summary, spec.input.columns, (format or TableFormat()).over(spec.table))
        self._spec, self._every = spec, every
        columns, interval = len(spec.input.columns), spec.input.interval
        self._gaps = self._gaps if interval is None else None
        self._regular = Regular(columns, interval, spec.input.longest_gap)
        self._forecaster = Forecaster(spec, session)
        self._columns = tuple(spec.input.columns[place] for place in spec.input.targets)
        self._mean, self._std = np.array(spec.input.mean), np.array(spec.input.std)
        self._last: Forecast | None = None  # that was not reported

    def begin(self, source: str, live: bool) -> None:
        """See `LinePipeline.begin`."""
        super().begin(source, live)
        self._every = self._every or (1 if live else None)

    def take(self, reading: Reading, line: Line) -> Iterator[Event]:
        """See `ReadingLines.take`."""
        for item in self._regular.push(reading):
            if isinstance(item, Oddity):
                lost = item.kind in ("early", "order")
                say = self.lose if lost else self.say
                yield from say(item.kind, f"line {line.number}: {item.text}", item.count)
            elif isinstance(item, Gap):
                self._forecaster.reset()
                yield from self.say_gap(f"line {line.number}: {item.text}", item.seconds)
            else:
                self.summary.readings += item.measured
                found = self._forecaster.push(item.values)
                if found is not None and not np.isfinite(found.median).all():
                    self._forecaster.reset()
                    text = "the model's answer is not a number; it begins anew"
                    yield from self.lose("range", f"line {line.number}: {text}")
                elif found is not None:
                    self.summary.forecasts += 1
                    yield from self._event(found, item.time, line)

    def restart(self) -> None:
        """See `ReadingLines.restart`."""
        self._regular.reset()
        self._forecaster.reset()

    def within(self, reading: Reading) -> Reading:
        """See `ReadingLines.within`: those out of all proportion to the training data."""
        far = np.abs(reading.values - self._mean) > _FARTHEST * self._std
        if not far.any():
            return reading
        count = reading.unheld + int(far.sum())
        return Reading(reading.time, np.where(far, np.nan, reading.values), count)

    def conclude(self) -> Iterator[Event]:
        """See `ReadingLines.conclude`."""
        if self._last is not None:
            yield self._counted(self._last)
        if not self.summary.forecasts:
            least = max(self._spec.input.segment, self._spec.step.warmup + 1)
            raise SourceError(
                f"{self.source}: {self._forecaster.readings} readings; {least} at least, one after "
                f"another, are needed to forecast anything"
            )

    def _event(self, found: ForecastWindows, stamp: float | None, line: Line) -> Iterator[Forecast]:
        event = Forecast(
            self.source, self._columns, found.median, found.low, found.high,
            found.readings, line.number, stamp, self._spec.input.interval, *self.times(line),
        )  # fmt: skip
        if self._every is not None and self.summary.readings % self._every == 0:
            self._last = None
            yield self._counted(event)
        else:
            self._last = event

    def _counted(self, event: Forecast) -> Forecast:
        self.summary.reported += 1
        return event
