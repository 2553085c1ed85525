"""Readings in, forecasts out: at every reading, by states that are interleaved.

A step takes a stretch of readings, a day of hours for example, and its state goes on from the
stretch before. To forecast at every reading and not once a stretch, as many states as a stretch has
readings take turns: each sees every reading once, and the stretches of each follow each other.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session, State
from edgenets.tasks.series.features import segment_after
from edgenets.tasks.series.spec import ForecastSpec


@dataclass(frozen=True)
class ForecastWindows:
    """How the columns go on, in their own units."""

    median: NDArray[np.float64]  # (horizon, columns that are forecast)
    low: NDArray[np.float64] | None  # (horizon, columns) of the lower quantile
    high: NDArray[np.float64] | None  # the same of the higher
    readings: int  # that it was forecast from


class Forecaster:
    """One table of series through one session."""

    def __init__(self, spec: ForecastSpec, session: Session) -> None:
        self._spec, self._session = spec, session
        self._mean, self._std = np.array(spec.input.mean), np.array(spec.input.std)
        self._segment = spec.input.segment
        self.reset()

    def reset(self) -> None:
        """Begin anew: what comes has nothing to do with what came."""
        self._session.reset()
        self._empty = self._session.state()
        self._states: dict[tuple[int, int], State] = {}  # of a phase and a column
        self._recent: deque[NDArray[np.float64]] = deque(maxlen=self._segment + 1)  # scaled
        self._count = 0

    @property
    def readings(self) -> int:
        """Taken since the beginning."""
        return self._count

    def push(self, values: NDArray[np.float64]) -> ForecastWindows | None:
        """Take a reading of (columns,).

        Returns:
            how it goes on; None until a stretch is whole.
        """
        self._recent.append((values - self._mean) / self._std)
        self._count += 1
        if self._spec.input.together:
            return self._together(self._recent[-1])
        if self._count < self._segment:
            return None
        phase = self._count % self._segment
        recent = np.stack(self._recent)[-self._segment - 1 :]
        stretch = recent[-self._segment :]
        # Of the first stretch of a phase the step from the one before is not known to its state.
        fresh = self._count < 2 * self._segment
        answers = []
        for column in range(stretch.shape[1]):
            before = None if fresh else float(recent[0, column])
            answer = self._step(phase, column, segment_after(stretch[:, column], before))
            answers.append(answer + stretch[-1, column])
        whole = np.stack(answers, axis=-1) * self._std + self._mean
        parts = whole.reshape(-1, self._spec.decoding.horizon, len(self._std))
        low, high = (parts[1], parts[2]) if len(parts) == 3 else (None, None)
        return ForecastWindows(parts[0], low, high, self._count)

    def _together(self, reading: NDArray[np.float64]) -> ForecastWindows | None:
        """Step with a reading of all columns, (columns,) scaled."""
        step, (place,) = self._spec.step, self._spec.input.targets
        given = {step.input: reading.astype(np.float32)[None, None]}
        answer = self._session.run(given)[step.output].reshape(-1, self._spec.decoding.horizon, 1)
        if self._count <= step.warmup:
            return None
        parts = answer.astype(np.float64) * self._std[place] + self._mean[place]
        low, high = (parts[1], parts[2]) if len(parts) == 3 else (None, None)
        return ForecastWindows(parts[0], low, high, self._count)

    def _step(self, phase: int, column: int, stretch: NDArray[np.float32]) -> NDArray[np.float32]:
        """An answer, (scores,); the state of this phase and column goes on."""
        step = self._spec.step
        self._session.restore(self._states.get((phase, column), self._empty))
        answer: NDArray[np.float32] = self._session.run({step.input: stretch[None, None]})[
            step.output
        ]
        self._states[phase, column] = self._session.state()
        return answer.reshape(-1)
