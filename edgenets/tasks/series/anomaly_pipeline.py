"""Readings in, anomalies out: one column at a time, each with a seasonal profile of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgenets.backend import Session, State
from edgenets.tasks.series.anomaly_decoding import AnomalyScorer
from edgenets.tasks.series.seasonal_profile import SeasonalProfile
from edgenets.tasks.series.spec import AnomalySpec


@dataclass(frozen=True)
class Judged:
    """What is thought of one reading."""

    expected: float  # in the column's own units
    anomaly_score: float  # largest mean error, as a part of its record; 0: nothing to speak of
    alarm: bool


class Detector:
    """One column through a session that others may use as well."""

    def __init__(self, spec: AnomalySpec, session: Session) -> None:
        self._session, self._step = session, spec.step
        self._seasonal = SeasonalProfile(spec.input)
        self._anomaly_score = AnomalyScorer(spec.decoding)
        self._threshold = spec.decoding.threshold
        self._state: State | None = None
        self._place = np.empty((1, 1, spec.input.width), np.float32)

    def push(self, time: float | None, value: float) -> Judged:
        """Judge a finite reading, and take it."""
        if self._state is None:
            self._session.reset()
        else:
            self._session.restore(self._state)
        self._place[0, 0] = self._seasonal.before(time, value)
        answer = self._session.run({self._step.input: self._place})[self._step.output]
        self._state = self._session.state()
        expected = self._seasonal.unscaled(float(answer[0, -1, 0]))
        self._seasonal.after(value)
        anomaly_score = self._anomaly_score.push(abs(value - expected))
        return Judged(expected, anomaly_score, anomaly_score >= self._threshold)
