"""`AnomalyRun`: readings in, a line at a time; what is unusual about them out."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.events import Anomaly, Notice
from edgenets.spec import spec_as
from edgenets.tasks.series.anomaly_pipeline import Detector
from edgenets.tasks.series.readings import Reading, stamp_of
from edgenets.tasks.series.spec import AnomalySpec

from .lines import Line
from .readingrun import ReadingRun


class AnomalyRun(ReadingRun[Anomaly]):
    """One run of a bundle that finds what is unusual, in every column of any table."""

    def __init__(
        self, bundle: Bundle, session: Session, source_uri: str, every: int | None = None,
        spec: AnomalySpec | None = None,
    ) -> None:  # fmt: skip
        """Open the source.

        Args:
            every: tell of every so many readings as well, usual ones too; None: of none.
            spec: the bundle's with another threshold; None: the bundle's own.

        Raises:
            SourceError: it cannot be opened.
        """
        super().__init__(bundle, session, source_uri, None)
        found = spec_as(spec or bundle.spec, AnomalySpec)
        self._spec, self._session, self._every = found, session, every
        self._detectors: list[Detector] = []
        self._time: float | None = None

    def _take(self, reading: Reading, line: Line) -> Iterator[Anomaly | Notice]:
        if reading.time is not None and self._time is not None and reading.time <= self._time:
            yield self._notice("order", f"line {line.number}: {stamp_of(reading.time)} does not "
                               f"come after {stamp_of(self._time)}; passed over")  # fmt: skip
            return
        self._time = reading.time if reading.time is not None else self._time
        columns = self._parser.columns or ()
        while len(self._detectors) < len(columns):
            self._detectors.append(Detector(self._spec, self._session))
        self.summary.readings += 1
        regular = self._every is not None and self.summary.readings % self._every == 0
        values = reading.values.tolist()
        if reading.missing:
            yield self._notice("missing", f"line {line.number}: {reading.missing} of "
                               f"{len(columns)} values are missing; nothing is thought of "
                               f"them")  # fmt: skip
        for column, value, detector in zip(columns, values, self._detectors, strict=True):
            if math.isnan(value):
                continue
            judged = detector.push(reading.time, value)
            if not judged.alarm and not regular:
                continue
            if judged.alarm:
                self.summary.alarms[column] = self.summary.alarms.get(column, 0) + 1
            self.summary.reported += 1
            now = time.monotonic()
            yield Anomaly(
                self.source_name,
                column,
                value,
                judged.expected,
                judged.anomaly_score,
                judged.alarm,
                line.number,
                reading.time,
                now - self._started,
                now - line.captured,
            )

    def _end(self) -> Iterator[Anomaly | Notice]:
        yield from super()._end()
        settle = self._spec.decoding.settle
        if self.summary.readings <= settle:
            yield self._notice(
                "short", f"{self.summary.readings} readings; the first {settle} of a series are "
                f"silent, since all is new there",
            )  # fmt: skip
