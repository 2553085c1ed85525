"""Points of the Numenta Anomaly Benchmark, by the very artifact of a device."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets import records
from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.data.split import Split
from edgenets.progress import Progress
from edgenets.spec import spec_as
from edgenets.tasks.evaluation import Evaluation
from edgenets.tasks.series import nab
from edgenets.tasks.series.anomaly_decoding import AnomalyScorer
from edgenets.tasks.series.anomaly_pipeline import Detector
from edgenets.tasks.series.seasonal_profile import SeasonalProfile
from edgenets.tasks.series.spec import AnomalySpec


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
    spec: AnomalySpec,
    session: Session,
    corpus: Sequence[nab.Series],
    profiles: Mapping[str, nab.Profile],
    progress: Progress | None = None,
) -> AnomalyEvaluation:
    """Stream every file of the benchmark, a reading at a time, from nothing known.

    The threshold of the standard profile is the best over the corpus, as the benchmark has it; the
    spec's own is reported as well. "without the model" is the same record of errors with the usual
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
            scores[series.name] = np.array([detector.push(t, x).anomaly_score for t, x in pairs])
            cpu += time.process_time() - begun
            usual[series.name] = _without_model(spec, pairs)
            gaussian[series.name] = nab.windowed_gaussian(series.values)
            task.update(done, len(corpus), series.name)
    fixed = spec.decoding.threshold
    rows = [
        _points("this model, best threshold", scores, corpus, profiles, None),
        _points(f"this model, at {fixed:g}", scores, corpus, profiles, fixed),
        _points("without the network, best", usual, corpus, profiles, None),
        _points("windowedGaussian, best", gaussian, corpus, profiles, None),
    ]
    count = sum(len(series.values) for series in corpus)
    return AnomalyEvaluation(len(corpus), count, tuple(rows), 1e6 * cpu / count)


def _points(
    name: str,
    scores: Mapping[str, NDArray[np.float64]],
    corpus: Sequence[nab.Series],
    profiles: Mapping[str, nab.Profile],
    threshold: float | None,
) -> Points:
    """Points by every profile, at one threshold or at the best of each."""
    if threshold is not None:
        found = {n: nab.score(scores, corpus, p, threshold) for n, p in profiles.items()}
        return Points(name, found, threshold)
    best = {n: nab.best_threshold(scores, corpus, p) for n, p in profiles.items()}
    return Points(name, {n: b.score for n, b in best.items()}, next(iter(best.values())).value)


def _without_model(spec: AnomalySpec, pairs: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """The anomaly score where the usual value at the time of day is the forecast."""
    seasonal, anomaly_score, found = SeasonalProfile(spec.input), AnomalyScorer(spec.decoding), []
    for when, value in pairs:
        expected = seasonal.unscaled(seasonal.before(when, value)[1])
        seasonal.after(value)
        found.append(anomaly_score.push(abs(value - expected)))
    return np.array(found)


def measure(
    bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
) -> Evaluation:
    """See `Task.evaluate`."""
    corpus, profiles = nab.load_corpus(data), nab.load_profiles(data)
    found = evaluate_anomaly(spec_as(bundle.spec, AnomalySpec), session, corpus, profiles, progress)
    names = list(profiles)
    rows = tuple((row.detector, *(f"{row.points[n]:.2f}" for n in names)) for row in found.rows)
    value = found.rows[0].points[names[0]]
    line = (
        f"NAB {value:.2f} ({names[0]}) of {found.n} files, {found.us_per_reading:.0f} µs a reading"
    )
    return Evaluation(
        "NAB", value, found.n, line, records.to_plain(found), ("detector", *names), rows
    )
