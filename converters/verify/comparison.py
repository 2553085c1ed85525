"""Numerical comparison: how far an artifact's numbers are from its model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array

# An output of an artifact, and the same of its model.
Pair = tuple[Array, Array]

# Early and late in the stream are this many steps each.
_DRIFT_STEPS = 1000

# An output whose values differ by less than this part of them hardly changes; one that is smaller
# than this is nothing.
_HARDLY, _NOTHING = 1e-3, 1e-6

# Float numbers are as exact as they are large: of 1013 hPa none is to 1e-4. This part of a level
# counts as spread.
_LEVEL = 0.1

# The relative RMS error of what is not a number: JSON has none, and it is not near.
_NOWHERE = 1e9


@dataclass(frozen=True)
class Drift:
    """Differences over a stream long enough for an error to grow."""

    steps: int
    error: float  # the largest
    scaled_error: float  # as `Differences.scaled_error`
    growth: float  # RMS late in the stream over RMS early in it


@dataclass(frozen=True)
class Differences:
    """Differences over all items."""

    finite: bool
    max_error: float  # the largest of any output
    mean_error: float  # the mean over outputs
    # The largest, of outputs beyond the size of logits as a part of their spread or level.
    scaled_error: float
    relative_error: float  # mean over the spread of the model's own answers; of the worst output
    drift: Drift | None = None  # of streaming models alone


def compare(outputs: Sequence[Pair], stream: Pair | None = None) -> Differences:
    """Compare answers with the model's.

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
    return Differences(
        bool(finite),
        max(float(e.max()) for e in errors),
        float(np.mean([e.mean() for e in errors])),
        max(
            float(e.max()) / max(1.0, spread, _LEVEL * _rms(np.asarray(wanted, np.float64)))
            for (e, spread), (_, wanted) in zip(both, outputs, strict=True)
        ),
        max(float(e.mean()) / spread for e, spread in both),
        drift,
    )


def relative_rms_error(found: Array, wanted: Array) -> float:
    """RMS of a difference over the RMS of what is wanted."""
    difference = np.asarray(found, np.float64) - wanted
    error = _rms(difference) / max(_rms(np.asarray(wanted, np.float64)), 1e-12)
    return min(error, _NOWHERE) if np.isfinite(error) else _NOWHERE


def spread_of(values: Array) -> float:
    """The standard deviation of what a model gives, by which errors are measured; of what hardly
    changes, a little of its size."""
    real = np.asarray(values, np.float64)
    return max(float(np.std(real)), _HARDLY * _rms(real), _NOTHING)


def _drift(found: Array, wanted: Array, spread: float) -> Drift:
    along = np.abs(found.astype(np.float64) - wanted)
    largest = float(along.max())
    early, late = _rms(along[:_DRIFT_STEPS]), _rms(along[-_DRIFT_STEPS:])
    return Drift(len(along), largest, largest / max(1.0, spread), late / max(early, 1e-12))


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
