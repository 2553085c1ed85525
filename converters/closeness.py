"""How near an artefact's numbers are to its model's, and what the gate asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.artefact import Artefact
from edgenets.metrics import Metric
from edgenets.recipeparts import GateRecipe

from .formats import Written
from .verdicts import Check, Verdict, checks, nearness, number, spread_of

Numbers = NDArray[np.float32]  # (steps, numbers)

# Early and late in the stream are this many steps each.
_DRIFT_STEPS = 1000


@dataclass(frozen=True)
class Closeness:
    """Differences over items, and over a stream long enough for drift to show."""

    finite: bool
    max_error: float
    mean_error: float
    relative_error: float  # mean over the spread of the model's own answers
    stream_error: float  # the largest
    stream_steps: int
    drift: float  # RMS late in the stream over RMS early in it


def closeness(
    found: Sequence[Numbers], wanted: Sequence[Numbers], stream: Numbers, whole: Numbers
) -> Closeness:
    """Hold answers against the model's.

    Args:
        found: of the artefact, item by item.
        wanted: of the model, of the same shapes.
        stream: of the artefact to the long stream.
        whole: of the model to the same.
    """
    errors = np.concatenate([np.abs(a - b) for a, b in zip(found, wanted, strict=True)])
    spread = spread_of(np.concatenate(wanted))
    along = np.abs(stream - whole)
    return Closeness(
        bool(np.isfinite(errors).all() and np.isfinite(along).all()),
        float(errors.max()), float(errors.mean()), float(errors.mean() / spread),
        float(along.max()), len(stream),
        _rms(along[-_DRIFT_STEPS:]) / max(_rms(along[:_DRIFT_STEPS]), 1e-12),
    )  # fmt: skip


def conditions(
    artefact: Artefact, close: Closeness, agreement: float, loss: float, metric: Metric,
    gate: GateRecipe,
) -> tuple[Check, ...]:  # fmt: skip
    """The gate of an artefact's precision, held against what was found.

    Args:
        loss: of the task's metric; see `Metric.loss`.
    """
    # Reports and recipes have called a loss of points so since their first version.
    lost = "accuracy_drop" if metric.share else "relative_loss"
    found = {
        lost: loss, "finite": float(close.finite), "agreement": agreement,
        "max_error": close.max_error, "stream_error": close.stream_error, "drift": close.drift,
        "relative_error": close.relative_error,
    }  # fmt: skip
    at_most, near = {lost: getattr(gate, lost)}, nearness(artefact.precision, gate)
    if "max_error" in near:
        at_most |= near | {"stream_error": near["max_error"]}
    else:
        at_most |= {"drift": gate.drift_growth} | near
    return checks(found, at_most, {"finite": 1.0, "agreement": gate.agreement})


def verdict(
    item: Written, runs_on: str, figure: float, agreement: float, close: Closeness,
    held: tuple[Check, ...],
) -> Verdict:  # fmt: skip
    """What verification says of an artefact that could be run."""
    artefact = item.artefact
    return Verdict(
        artefact.id, artefact.format, artefact.precision, item.size, runs_on, figure, agreement,
        number(close.max_error), number(close.mean_error), held, note=artefact.note,
        stream_steps=close.stream_steps, stream_error=number(close.stream_error),
        drift=number(close.drift),
    )  # fmt: skip


def _rms(error: Numbers) -> float:
    return float(np.sqrt(np.mean(np.square(error, dtype=np.float64))))
