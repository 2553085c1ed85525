"""The Numenta Anomaly Benchmark: how early, and with how few false alarms, anomalies are found.

Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms" (2015), arXiv:1510.03336.
A detector gives every row of every file a score from what it read up to that row. One threshold
for all files makes detections of the scores. In an anomaly's window only the earliest counts, the
more the earlier; any other one is a false alarm, that costs little just after a window and all
of its weight far from one. The points are scaled so that a detector that never speaks has 0 and
one that speaks at the first row of every window, and nowhere else, has 100.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgenets.errors import DataError
from edgenets.files import Json

PROFILES = Path("config", "profiles.json")
WINDOWS = Path("labels", "combined_windows.json")
HEADER = "timestamp,value"

# A detector may learn from the first rows of a file and is not measured on them.
PROBATION = 0.15  # part of a file …
PROBATION_ROWS = 5000  # … that counts as no longer than this

STEEPNESS = 5.0  # of the sigmoid, a window's width
FAR = 3.0  # window widths behind a window: from here a false alarm costs all of its weight

# Of the windowedGaussian detector, as it is published with the benchmark.
GAUSSIAN_ROWS = 6400
GAUSSIAN_STEP = 100  # rows from one shift of the full window to the next
GAUSSIAN_LEAST = 1e-6  # standard deviation that stands for none at all


@dataclass(frozen=True)
class Profile:
    """What an application values."""

    name: str
    true_positive: float  # points for a window that is found at its first row
    false_positive: float  # points that a false alarm far from any window costs
    false_negative: float  # points that a window costs that is not found


@dataclass(frozen=True)
class Window:
    """Rows in which an anomaly counts as found."""

    first: int  # row
    last: int  # row, of the window too

    @property
    def rows(self) -> int:
        """Its width."""
        return self.last - self.first + 1


@dataclass(frozen=True, eq=False)
class Series:
    """One file of the corpus."""

    name: str  # the key of its labels: folder/file.csv
    times: NDArray[np.datetime64]  # (rows,), to the second; they may repeat and step back
    values: NDArray[np.float64]  # (rows,), finite
    windows: tuple[Window, ...]  # in time, none within another

    @property
    def probation(self) -> int:
        """Rows at the beginning that are not measured."""
        return math.floor(min(PROBATION * len(self.values), PROBATION * PROBATION_ROWS))


@dataclass(frozen=True)
class Threshold:
    """The threshold that is best for a corpus and a profile, and its score."""

    value: float  # a row is a detection from here; infinite: no detection is better than any
    score: float  # null detector 0, perfect detector 100


def load_profiles(folder: Path) -> dict[str, Profile]:
    """Read the profiles of an NAB folder, by name; DataError when they cannot be read."""
    path = folder / PROFILES
    found = {}
    for name, profile in _read_json(path).items():
        try:
            costs = profile["CostMatrix"]
            weights = [float(costs[key]) for key in ("tpWeight", "fpWeight", "fnWeight")]
        except (KeyError, TypeError, ValueError) as exc:
            raise DataError(
                f"{path}: profile {name!r} needs a CostMatrix of the numbers tpWeight, fpWeight"
                " and fnWeight; fetch the file again"
            ) from exc
        found[name] = Profile(name, *weights)
    return found


def load_corpus(folder: Path) -> tuple[Series, ...]:
    """Read an NAB folder: every file that has labels, in the order of their names.

    Raises:
        DataError: a file is missing or damaged; the message names it, and its line.
    """
    labels = _read_json(folder / WINDOWS)
    return tuple(_load_series(folder, name, labels[name]) for name in sorted(labels))


def score(
    scores_by_file: Mapping[str, ArrayLike],
    corpus: Sequence[Series],
    profile: Profile,
    threshold: float,
) -> float:
    """Points of a detector at a threshold: null detector 0, perfect detector 100.

    Args:
        scores_by_file: of every series, by its name, a score a row, (rows,).
        corpus: what was scored.
        profile: its weights.
        threshold: rows that score this or more are detections.

    Raises:
        DataError: scores are missing, too few, too many or NaN, or the corpus has no window.
    """
    total = 0.0
    for series, scores in _pairs(scores_by_file, corpus):
        points = _points(series, profile)
        found = scores >= threshold
        found[: series.probation] = False
        for window in series.windows:
            inside = slice(window.first, window.last + 1)
            total += points[inside][found[inside]].max(initial=-profile.false_negative)
            found[inside] = False
        total += points[found].sum()
    return _normalised(total, corpus, profile)


def best_threshold(
    scores_by_file: Mapping[str, ArrayLike], corpus: Sequence[Series], profile: Profile
) -> Threshold:
    """Find the one threshold at which a detector has the most points over the whole corpus.

    Every score that occurs is tried, and no detection at all; of equals the highest is taken.
    Published results are of a search that may stop before the best: this one is never below
    them. Arguments and errors are those of `score`.
    """
    # Going down through all scores, a row changes the points by its gain: a false alarm by its
    # cost, a row of a window by what it betters the best detection of that window so far.
    all_scores, all_gains = [], []
    for series, scores in _pairs(scores_by_file, corpus):
        gains = _points(series, profile)
        gains[: series.probation] = 0.0
        for window in series.windows:
            rows = np.arange(max(window.first, series.probation), window.last + 1)
            rows = rows[np.argsort(-scores[rows], kind="stable")]
            best = np.maximum.accumulate(np.r_[-profile.false_negative, gains[rows]])
            gains[rows] = np.diff(best)
        all_scores.append(scores[series.probation :])
        all_gains.append(gains[series.probation :])
    scores = np.concatenate(all_scores)
    order = np.argsort(-scores, kind="stable")
    scores = scores[order]
    last = np.r_[scores[1:] != scores[:-1], True]  # equals are detected together
    null = -profile.false_negative * sum(len(s.windows) for s in corpus)
    totals = np.r_[null, null + np.cumsum(np.concatenate(all_gains)[order])[last]]
    at = int(np.argmax(totals))
    value = math.inf if at == 0 else float(scores[last][at - 1])
    return Threshold(value, _normalised(float(totals[at]), corpus, profile))


def windowed_gaussian(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score readings as the benchmark's windowedGaussian does, the yardstick of simple detectors.

    A reading's score is one minus the Gaussian tail beyond it, of the mean and the standard
    deviation of the window before it: 0.5 at the mean, 1 far from it. The window grows to
    6400 readings, then moves on by 100 whenever 100 more have come.

    Args:
        values: readings in time, (rows,).

    Returns:
        (rows,), 0 … 1; the first is 0.
    """
    values = np.asarray(values, np.float64)
    scores = np.zeros(len(values))
    for row in range(1, len(values)):
        if row <= GAUSSIAN_ROWS or row % GAUSSIAN_STEP == 0:
            window = values[max(0, row - GAUSSIAN_ROWS) : row]
            mean, deviation = window.mean(), window.std() or GAUSSIAN_LEAST
        distance = abs(values[row] - mean) / deviation
        scores[row] = 1.0 - 0.5 * math.erfc(distance / math.sqrt(2.0))
    return scores


def _sigmoid(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """The paper's scaled sigmoid: from 1 well before a window's end (0) to −1 well behind it."""
    # 2/(1 + exp(5x)) − 1 in a form that cannot overflow.
    return np.where(position > FAR, -1.0, -np.tanh(0.5 * STEEPNESS * position))


def _points(series: Series, profile: Profile) -> NDArray[np.float64]:
    """What a detection at each row is worth by itself, (rows,): positive in windows alone."""
    rows = np.arange(len(series.values), dtype=np.float64)
    points = np.full(len(rows), -profile.false_positive)  # before the first window
    most = _sigmoid(np.array(-1.0))
    for window in series.windows:
        inside = (rows[window.first : window.last + 1] - window.last - 1) / window.rows
        # A window of one row is followed by nothing that is near to it.
        behind = (rows[window.last + 1 :] - window.last) / max(window.rows - 1, 1e-9)
        points[window.first : window.last + 1] = profile.true_positive * _sigmoid(inside) / most
        points[window.last + 1 :] = profile.false_positive * _sigmoid(behind)
    return points


def _normalised(total: float, corpus: Sequence[Series], profile: Profile) -> float:
    windows = sum(len(series.windows) for series in corpus)
    null, perfect = -profile.false_negative * windows, profile.true_positive * windows
    if perfect <= null:
        raise DataError(
            f"a corpus of {windows} windows in {len(corpus)} files has nothing to score by profile"
            f" {profile.name!r}; take files with anomalies and weights above 0"
        )
    return 100.0 * (total - null) / (perfect - null)


def _pairs(
    scores_by_file: Mapping[str, ArrayLike], corpus: Sequence[Series]
) -> list[tuple[Series, NDArray[np.float64]]]:
    """Every series with its scores, checked."""
    pairs = []
    for series in corpus:
        if series.name not in scores_by_file:
            raise DataError(f"no scores for {series.name}; score every file of the corpus")
        scores = np.asarray(scores_by_file[series.name], np.float64)
        if scores.shape != series.values.shape:
            raise DataError(
                f"{series.name}: scores of shape {scores.shape} for {len(series.values)} rows;"
                " give one score a row"
            )
        if np.isnan(scores).any():
            row = int(np.isnan(scores).argmax())
            raise DataError(f"{series.name}: the score of row {row} is NaN; fix the detector")
        pairs.append((series, scores))
    return pairs


def _read_json(path: Path) -> Json:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise DataError(
            f"{path}: {exc.strerror or exc}; name the folder of the Numenta Anomaly Benchmark,"
            " the one that holds config, data and labels"
        ) from exc
    except ValueError as exc:
        raise DataError(f"{path}: no JSON ({exc}); fetch the file again") from exc
    if not isinstance(found, dict):
        raise DataError(f"{path}: a JSON object was expected; fetch the file again")
    return found


def _load_series(folder: Path, name: str, windows: Any) -> Series:
    path = folder / "data" / name
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as exc:
        raise DataError(f"{path}: cannot be read ({exc}); fetch the corpus again") from exc
    if not lines or lines[0].strip() != HEADER:
        raise DataError(f"{path}: line 1 must be {HEADER!r}; fetch the file again")
    times, values = [], []
    for number, line in enumerate(lines[1:], 2):
        try:
            time, value = line.split(",")
            times.append(_seconds(time))
            values.append(float(value))
        except ValueError as exc:
            raise DataError(
                f"{path}: line {number} is no time and number ({line[:60]!r}); fetch the file again"
            ) from exc
        if not math.isfinite(values[-1]):
            raise DataError(
                f"{path}: line {number} holds {value.strip()}; leave that reading out, or fill it"
            )
    stamps = np.array(times, "datetime64[s]")
    return Series(name, stamps, np.array(values, np.float64), _rows(folder, name, stamps, windows))


def _seconds(text: str) -> datetime:
    return datetime.fromisoformat(text.strip()).replace(microsecond=0)


def _rows(
    folder: Path, name: str, times: NDArray[np.datetime64], windows: Any
) -> tuple[Window, ...]:
    """The rows of windows that are given as pairs of times."""
    where = f"{folder / WINDOWS}: {name}"
    found: list[Window] = []
    try:
        limits = [tuple(np.datetime64(_seconds(t), "s") for t in pair) for pair in windows]
        limits = [(first, last) for first, last in limits]
    except (TypeError, ValueError, AttributeError) as exc:
        raise DataError(
            f"{where} needs a list of pairs of times ({exc}); fetch the file again"
        ) from exc
    for first, last in limits:
        inside = np.flatnonzero((times >= first) & (times <= last))
        if not len(inside):
            raise DataError(
                f"{where} has no row from {first} to {last}; fetch labels and data of one version"
            )
        window = Window(int(inside[0]), int(inside[-1]))
        if found and window.first <= found[-1].last:
            raise DataError(
                f"{where}: the window from {first} begins before the one before it ends;"
                " put the windows in order, or make one of the two"
            )
        found.append(window)
    return tuple(found)
