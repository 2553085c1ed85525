"""Readings in, what is unusual about them out."""

from __future__ import annotations

import math
from collections.abc import Iterator

from edgenets.backend import Session
from edgenets.events import Event
from edgenets.tasks.lines import Line
from edgenets.tasks.series.anomaly_pipeline import Detector
from edgenets.tasks.series.events import Anomaly, SeriesSummary
from edgenets.tasks.series.lines import ReadingLines
from edgenets.tasks.series.readings import Reading
from edgenets.tasks.series.spec import AnomalySpec
from edgenets.tasks.series.tableformat import TableFormat


class AnomalyLines(ReadingLines):
    """What is unusual, in every column of any table."""

    def __init__(
        self,
        spec: AnomalySpec,
        session: Session,
        summary: SeriesSummary,
        every: int | None,
        format: TableFormat | None = None,
    ) -> None:
        """`every`: report every so many readings as well, usual ones too; None: none of them."""
        super().__init__(summary, None, format)
        self._spec, self._session, self._every = spec, session, every
        self._detectors: list[Detector] = []

    def take(self, reading: Reading, line: Line) -> Iterator[Event]:
        """See `ReadingLines.take`."""
        columns = self.parser.columns or ()
        while len(self._detectors) < len(columns):
            self._detectors.append(Detector(self._spec, self._session))
        self.summary.readings += reading.missing < len(columns)
        regular = self._every is not None and self.summary.readings % self._every == 0
        if reading.missing:
            missing = f"{reading.missing} of {len(columns)} values are missing"
            yield from self.say(
                "missing", f"line {line.number}: {missing}; nothing is thought of them"
            )
        values = reading.values.tolist()
        for column, value, detector in zip(columns, values, self._detectors, strict=True):
            if math.isnan(value):
                continue
            judged = detector.push(reading.time, value)
            if not judged.alarm and not regular:
                continue
            if judged.alarm:
                self.summary.alarms[column] = self.summary.alarms.get(column, 0) + 1
            self.summary.reported += 1
            yield Anomaly(
                self.source, column, value, judged.expected, judged.anomaly_score, judged.alarm,
                line.number, reading.time, *self.times(line),
            )  # fmt: skip

    def conclude(self) -> Iterator[Event]:
        """See `ReadingLines.conclude`."""
        settle = self._spec.decoding.settle
        if self.summary.readings <= settle:
            yield self.notice(
                "short",
                f"{self.summary.readings} readings; the first {settle} of a series are "
                f"silent, since all is new there",
            )
