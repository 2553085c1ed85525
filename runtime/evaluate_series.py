"""`evaluate_forecast` and `evaluate_anomaly`: how far forecasts are from what came, and what of it
is unusual, by the very artefact of a device."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session, run_sequence
from edgenets.progress import Progress
from edgenets.tasks.series import nab
from edgenets.tasks.series.anomaly_pipeline import Detector
from edgenets.tasks.series.baselines import Errors, errors
from edgenets.tasks.series.features import segments
from edgenets.tasks.series.habits import Habits
from edgenets.tasks.series.spec import AnomalySpec, ForecastSpec
from edgenets.tasks.series.surprise import Surprise
from edgenets.tasks.series.windows import Ahead, Windows


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
    ahead = Ahead.of(answers, windows, spec.decoding.horizon)
    return ForecastEvaluation(
        len(windows), errors(ahead.median, windows.following), ahead.coverage(windows.following),
        1e6 * cpu / max(1, taken.shape[0] * taken.shape[1]),
    )  # fmt: skip


@dataclass(frozen=True)
class Points:
    """What a detector has by the Numenta Anomaly Benchmark: null detector 0, perfect one 100."""

    detector: str
    points: dict[str, float]  # by profile
    threshold: float


@dataclass(frozen=True)
class AnomalyEvaluation:
    """Points of a model and, to be held beside them, of what it is made of."""

    n: int  # files
    readings: int
    rows: tuple[Points, ...]  # the model first
    us_per_reading: float  # CPU time


def evaluate_anomaly(
    spec: AnomalySpec, session: Session, corpus: Sequence[nab.Series],
    profiles: Mapping[str, nab.Profile], progress: Progress | None = None,
) -> AnomalyEvaluation:  # fmt: skip
    """Stream every file of the benchmark, a reading at a time, from nothing known.

    The threshold of the standard profile is the best over the corpus, as the benchmark has it; the
    spec's own is reported as well. "without the net" is the same record of errors with the usual
    value at a time of day as the forecast.
    """
    scores: dict[str, NDArray[np.float64]] = {}
    usual: dict[str, NDArray[np.float64]] = {}
    gaussian: dict[str, NDArray[np.float64]] = {}
    cpu = 0.0
    with (progress or Progress()).task("detecting") as task:
        for done, series in enumerate(corpus, 1):
            times = series.times.astype("int64").tolist()
            pairs = list(zip(times, series.values.tolist(), strict=True))
            begun, detector = time.process_time(), Detector(spec, session)
            scores[series.name] = np.array([detector.push(t, x).surprise for t, x in pairs])
            cpu += time.process_time() - begun
            usual[series.name] = _without_net(spec, pairs)
            gaussian[series.name] = nab.windowed_gaussian(series.values)
            task.update(done, len(corpus), series.name)
    fixed = spec.decoding.threshold
    rows = [
        _points("this model, best threshold", scores, corpus, profiles, None),
        _points(f"this model, at {fixed:g}", scores, corpus, profiles, fixed),
        _points("without the net, best", usual, corpus, profiles, None),
        _points("windowedGaussian, best", gaussian, corpus, profiles, None),
    ]
    count = sum(len(series.values) for series in corpus)
    return AnomalyEvaluation(len(corpus), count, tuple(rows), 1e6 * cpu / count)


def _points(
    name: str, scores: Mapping[str, NDArray[np.float64]], corpus: Sequence[nab.Series],
    profiles: Mapping[str, nab.Profile], threshold: float | None,
) -> Points:  # fmt: skip
    """Points by every profile, at one threshold or at the best of each."""
    if threshold is not None:
        found = {n: nab.score(scores, corpus, p, threshold) for n, p in profiles.items()}
        return Points(name, found, threshold)
    best = {n: nab.best_threshold(scores, corpus, p) for n, p in profiles.items()}
    return Points(name, {n: b.score for n, b in best.items()}, next(iter(best.values())).value)


def _without_net(
    spec: AnomalySpec, pairs: Sequence[tuple[float, float]]
) -> NDArray[np.float64]:  # fmt: skip
    """The surprise where the usual value at the time of day is all that is foreseen."""
    habits, surprise, found = Habits(spec.input), Surprise(spec.decoding), []
    for when, value in pairs:
        expected = habits.unscaled(habits.before(when, value)[1])
        habits.after(value)
        found.append(surprise.push(abs(value - expected)))
    return np.array(found)
