"""How near an artifact's numbers are to its model's, and what the gate asks of them.

Every judge (of streams, whole-sequence models, images, translation, users' own models) measures
and decides here; each brings the metric and the decisions of its task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.artifact import Precision
from edgenets.metrics import Metric
from edgenets.recipeparts import GateRecipe

from .formats import Written
from .verdicts import Check, Verdict, checks, number, spread_of

# An output of an artifact, and the same of its model.
Pair = tuple[NDArray[Any], NDArray[Any]]

# Early and late in the stream are this many steps each.
_DRIFT_STEPS = 1000

# Mean |difference| over the standard deviation of an output. Models that are only rounded stay far
# below this, steps of recurrent ones at a fifth of it; a scale that is wrong goes beyond it, even
# where the items are so easy that no decision changes.
_RELATIVE = 0.25


@dataclass(frozen=True)
class Drift:
    """Differences over a stream long enough for an error to grow."""

    steps: int
    error: float  # the largest
    scaled_error: float  # as `Closeness.scaled_error`
    growth: float  # RMS late in the stream over RMS early in it


@dataclass(frozen=True)
class Closeness:
    """Differences over all items."""

    finite: bool
    max_error: float  # the largest of any output
    mean_error: float  # the mean over outputs
    # The largest, of outputs beyond the size of logits as a part of their spread.
    scaled_error: float
    relative_error: float  # mean over the spread of the model's own answers; of the worst output
    drift: Drift | None = None  # of streaming models alone


def closeness(outputs: Sequence[Pair], stream: Pair | None = None) -> Closeness:
    """Hold answers against the model's.

    Args:
        outputs: of all items, (…) each; of the artifact and of the model the same shapes.
        stream: the answers to a long stream, (steps, scores) each.
    """
    errors = [np.abs(found.astype(np.float64) - wanted) for found, wanted in outputs]
    spreads = [spread_of(wanted) for _, wanted in outputs]
    both = list(zip(errors, spreads, strict=True))
    drift = None if stream is None else _drift(*stream, spreads[0])
    finite = all(np.isfinite(found).all() for found, _ in outputs)
    if stream is not None:
        finite = finite and bool(np.isfinite(stream[0]).all())
    return Closeness(
        bool(finite), max(float(e.max()) for e in errors),
        float(np.mean([e.mean() for e in errors])),
        max(float(e.max()) / max(1.0, spread) for e, spread in both),
        max(float(e.mean()) / spread for e, spread in both), drift,
    )  # fmt: skip


def _drift(found: NDArray[Any], wanted: NDArray[Any], spread: float) -> Drift:
    along = np.abs(found.astype(np.float64) - wanted)
    largest = float(along.max())
    early, late = _rms(along[:_DRIFT_STEPS]), _rms(along[-_DRIFT_STEPS:])
    return Drift(len(along), largest, largest / max(1.0, spread), late / max(early, 1e-12))


def conditions(
    precision: Precision, close: Closeness, agreement: float, loss: float, metric: Metric,
    gate: GateRecipe,
) -> tuple[Check, ...]:  # fmt: skip
    """The gate of a precision, held against what was found.

    Args:
        loss: of the task's metric; see `Metric.loss`.
    """
    found = {
        "metric_drop": loss, "finite": float(close.finite), "agreement": agreement,
        "max_error": close.scaled_error, "relative_error": close.relative_error,
    }  # fmt: skip
    # In the mean, too: where numbers are small, zero is near them.
    at_most = {"metric_drop": gate.limit(metric), "relative_error": _RELATIVE}
    exact = {"fp32": gate.float_error, "fp16": gate.half_error}.get(precision)
    if exact is not None:
        at_most["max_error"] = exact
    if close.drift is not None:
        found |= {"stream_error": close.drift.scaled_error, "drift": close.drift.growth}
        # Where numbers are exact, so must they be after a long time; else errors must not grow.
        at_most |= {"drift": gate.drift_growth} if exact is None else {"stream_error": exact}
    return checks(found, at_most, {"finite": 1.0, "agreement": gate.agreement})


def verdict(
    item: Written, runs_on: str, figure: float, reference: float, agreement: float,
    close: Closeness, metric: Metric, gate: GateRecipe,
) -> Verdict:  # fmt: skip
    """What the gate says of an artifact that could be run.

    Args:
        figure: of the task's metric.
        reference: the same of the model.
    """
    artifact, drift = item.artifact, close.drift
    held = conditions(
        artifact.precision, close, agreement, metric.loss(reference, figure), metric, gate
    )
    return Verdict(
        artifact.id, artifact.format, artifact.precision, item.size, runs_on, figure, agreement,
        number(close.max_error), number(close.mean_error), held, note=artifact.note,
        stream_steps=drift.steps if drift else 0,
        stream_error=number(drift.error) if drift else None,
        drift=number(drift.growth) if drift else None,
    )  # fmt: skip


def _rms(error: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(error))))
