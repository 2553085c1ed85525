"""What a run over readings tells its sinks, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgenets.events import Event, LineSummary, Notice
from edgenets.files import Json
from edgenets.painter import Painter, harmless
from edgenets.sparkline import sparkline
from edgenets.tasks.series.readings import stamp_of


@dataclass(frozen=True, eq=False)
class Forecast(Event):
    """How series go on."""

    source: str
    columns: tuple[str, ...]
    median: NDArray[np.float64]  # (horizon, columns)
    low: NDArray[np.float64] | None  # (horizon, columns) of the lower quantile
    high: NDArray[np.float64] | None  # the same of the higher
    readings: int  # that it was forecast from
    line: int  # of the last of them in its source, from 1
    stamp: float | None  # s since 1970 of the last of them
    interval: float | None  # s from one reading to the next
    time: float  # s since the run began
    age: float  # s from the reading of the line to this result

    def plain(self) -> Json:
        """See `Event.plain`."""
        parts = {"median": self.median, "low": self.low, "high": self.high}
        columns = {
            name: {part: _digits(v[:, i]) for part, v in parts.items() if v is not None}
            for i, name in enumerate(self.columns)
        }
        return self._plain(
            "forecast",
            line=self.line,
            readings=self.readings,
            stamp=self.stamp,
            interval=self.interval,
            columns=columns,
        )

    def console(self, painter: Painter) -> str:
        """A line a column: what comes next, at last, and in between as an image."""
        paint = painter.paint
        when = "" if self.stamp is None else f"after {stamp_of(self.stamp)}: "
        width = max(map(len, self.columns))
        steps = len(self.median)
        lines = [paint(f"{when}{steps} readings ahead, from {self.readings:,}", "1")]
        for i, column in enumerate(self.columns):
            median = self.median[:, i]
            line = f"  {paint(f'{column:<{width}}', '1;36')}  {median[0]:>10.4g} → "
            line += f"{median[-1]:<10.4g} {paint(sparkline(median), '36')}"
            if self.low is not None and self.high is not None:
                line += f"  at last {self.low[-1, i]:.4g} … {self.high[-1, i]:.4g}"
            lines.append(line)
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Anomaly(Event):
    """What is thought of a reading."""

    source: str
    column: str
    value: float
    expected: float  # in the same units
    anomaly_score: float  # error as a part of its record; 0: nothing to speak of
    alarm: bool
    line: int  # in its source, from 1
    stamp: float | None  # s since 1970
    time: float  # s since the run began
    age: float  # s from the reading of the line to this result

    def plain(self) -> Json:
        """See `Event.plain`."""
        return self._plain(
            "anomaly" if self.alarm else "reading",
            line=self.line,
            column=self.column,
            value=self.value,
            expected=float(f"{self.expected:.6g}"),
            anomaly_score=round(self.anomaly_score, 4),
            stamp=self.stamp,
            surprise=round(self.anomaly_score, 4),  # as earlier versions call it
        )

    def console(self, painter: Painter) -> str:
        """See `Event.console`."""
        when = f"line {self.line}" if self.stamp is None else stamp_of(self.stamp)
        mark = painter.paint("!", "1;31") if self.alarm else " "
        column = painter.paint(f"{harmless(self.column):<12}", "1;36")
        return (
            f"{mark} {when}  {column} {self.value:.6g} where {self.expected:.6g} is usual, "
            f"{self.anomaly_score:.2f} of the record\n"
        )


@dataclass(frozen=True)
class GapNotice(Notice):
    """Nothing came for much longer than usual."""

    seconds: float  # from the reading before to the one after

    def plain(self) -> Json:
        """See `Event.plain`."""
        return {**super().plain(), "seconds": round(self.seconds, 3)}


@dataclass
class SeriesSummary(LineSummary):
    """What a run over readings came to; it grows while the run goes on."""

    readings: int = 0  # that were measured and taken
    forecasts: int = 0  # readings after which a forecast was made
    reported: int = 0  # results that were reported
    alarms: dict[str, int] = field(default_factory=dict)  # per column

    losses: ClassVar = {"skipped": "rows", "overrun": "rows"}

    @property
    def cpu_us_per_reading(self) -> float | None:
        """CPU time for a reading of all columns, in µs."""
        return 1e6 * self.cpu_seconds / self.readings if self.readings else None

    def plain(self) -> Json:
        """See `Summary.plain`."""
        return {**super().plain(), "cpu_us_per_reading": self.cpu_us_per_reading}

    def _counted(self) -> list[str]:
        parts = [f"read {self.readings:,} readings, reported {self.reported:,}"]
        parts += [f"{column}: {n:,} unusual" for column, n in sorted(self.alarms.items())]
        if self.cpu_us_per_reading is not None:
            parts.append(f"{self.cpu_us_per_reading:,.0f} µs CPU a reading")
        return parts


def _digits(values: NDArray[np.float64]) -> list[float]:
    """Six digits: more than any forecast is good for."""
    return [float(f"{value:.6g}") for value in values]
