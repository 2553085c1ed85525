"""`evaluate_forecast`: how far forecasts are from what came, by the very artefact of a device."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from edgenets.backend import Session, run_sequence
from edgenets.progress import Progress
from edgenets.series.baselines import Errors, errors
from edgenets.series.features import segments
from edgenets.series.spec import ForecastSpec
from edgenets.series.windows import Windows


@dataclass(frozen=True)
class ForecastEvaluation:
    """Errors over windows, in standard deviations of the columns."""

    n: int  # windows
    errors: Errors
    coverage: float | None  # of the interval between the quantiles, 0…1
    us_per_step: float  # CPU time


def evaluate_forecast(
    spec: ForecastSpec, session: Session, windows: Windows, progress: Progress | None = None
) -> ForecastEvaluation:
    """Forecast after every window from an empty state.

    Args:
        windows: scaled; of the spec's window and horizon.
    """
    taken = segments(windows.came, spec.input.segment)
    answers = np.empty((len(windows), spec.scores), np.float32)
    begun = time.process_time()
    with (progress or Progress()).task("forecasting") as task:
        for done, (row, window) in enumerate(zip(answers, taken, strict=True), 1):
            row[:] = run_sequence(session, window)[-1, -1]
            if done % 100 == 0 or done == len(windows):
                task.update(done, len(windows))
    cpu = time.process_time() - begun
    parts = answers.reshape(len(windows), -1, spec.decoding.horizon) + windows.last[:, None]
    inside = None
    if parts.shape[1] == 3:
        within = (windows.following >= parts[:, 1]) & (windows.following <= parts[:, 2])
        inside = float(within.mean())
    return ForecastEvaluation(
        len(windows), errors(parts[:, 0], windows.following), inside,
        1e6 * cpu / max(1, taken.shape[0] * taken.shape[1]),
    )  # fmt: skip
