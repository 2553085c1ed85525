"""Calibration: the range of every tensor, found by rolling true states through recordings.

A state that is calibrated on random numbers, or on its first step alone, gets a
range that it never has in use. Here several recordings follow one another in
every stream, as a microphone hears them, and the states roll through them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.quantization import IntegerType, dequantize, from_range, quantize

from .graph import StepGraph
from .reference import Reference

Method = Literal["minmax", "percentile", "mse"]

# Values kept of each tensor a step; ranges settle long before.
SAMPLES = 512

# Parts of the full range that `mse` tries.
_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)

# Recordings that follow one another in a stream.
CLIPS_PER_STREAM = 4


# A range beyond this is of values that grow without bound.
_LARGEST = 1e30


@dataclass(frozen=True)
class Range:
    """Smallest and largest value that a tensor takes."""

    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether integers could hold it."""
        return self.high - self.low <= _LARGEST  # NaN is not

    def union(self, other: Range) -> Range:
        """The range that covers both."""
        return Range(min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True)
class Calibration:
    """What was seen of every tensor that an integer could hold."""

    extremes: Mapping[str, Range]
    samples: Mapping[str, NDArray[np.float32]]  # (n,) values of each tensor
    method: Method
    percentile: float

    def ranges(self, dtype: IntegerType) -> dict[str, Range]:
        """The range that each tensor gets in integers of a type.

        16 bits have room for every value that was seen. With 8, one outlier costs
        all others their resolution, so `mse` looks for the range of least mean
        square error (as in Banner et al. 2019, arXiv:1810.05723), and `percentile`
        leaves out the outermost values.
        """
        if dtype == "int16" or self.method == "minmax":
            return dict(self.extremes)
        return {name: self._narrowed(name, values) for name, values in self.samples.items()}

    def _narrowed(self, name: str, values: NDArray[np.float32]) -> Range:
        if self.method == "percentile":
            low, high = np.percentile(values, (100 - self.percentile, self.percentile))
            return Range(float(low), float(high))
        full = self.extremes[name]
        if not full.bounded:  # a plan that needs it says so
            return full
        candidates = [Range(full.low * share, full.high * share) for share in _SHARES]
        return min(candidates, key=lambda r: _square_error(values, r))


@dataclass(frozen=True)
class Rolls:
    """Streams of one length that are rolled through a graph side by side."""

    features: Array  # (streams, frames, channels)
    # What each stream is given: (streams, rows, channels), and (streams, 1, units) of states.
    given: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


def rolls_of(clips: Array) -> Rolls:
    """Recordings, several after one another in every stream.

    Args:
        clips: (clips, frames, channels) features; the first ones of a stream come before the
            others in time.
    """
    per_stream = min(CLIPS_PER_STREAM, len(clips))
    streams = len(clips) // per_stream
    return Rolls(clips[: streams * per_stream].reshape(streams, -1, clips.shape[2]))


def calibrate(
    graph: StepGraph,
    rolls: Sequence[Rolls],
    method: Method = "mse",
    percentile: float = 99.99,
    seed: int = 0,
) -> Calibration:
    """Watch every tensor of a graph while streams roll through it.

    Args:
        graph: a step graph.
        rolls: see `rolls_of`; what is given begins each anew.
        method: how 8-bit ranges are chosen; see `Calibration.ranges`.
        percentile: of the values, where method is `percentile`.
        seed: of the sampling of values.
    """
    # No integer holds a sum without end, nor the lowest float that a maximum begins with.
    unbounded = frozenset(s.input for s in graph.states if s.float_only)
    watcher = _Watcher(np.random.default_rng(seed), unbounded)
    for roll in rolls:
        reference = Reference(graph, len(roll.features))
        reference.reset(roll.given)
        reference.sequence(roll.features, watcher)
    samples = {name: np.concatenate(parts) for name, parts in watcher.samples.items()}
    return Calibration(watcher.extremes, samples, method, percentile)


def _square_error(values: NDArray[np.float32], range_: Range) -> float:
    q = from_range(range_.low, range_.high, "int8")
    return float(np.mean(np.square(dequantize(quantize(values, q), q) - values)))


class _Watcher:
    """Gathers extremes and samples of every tensor that it is shown but some."""

    def __init__(self, rng: np.random.Generator, without: frozenset[str]) -> None:
        self.extremes: dict[str, Range] = {}
        self.samples: dict[str, list[NDArray[np.float32]]] = {}
        self._rng = rng
        self._without = without

    def __call__(self, name: str, value: NDArray[np.float32]) -> None:
        if name in self._without:
            return
        seen = Range(float(value.min()), float(value.max()))
        self.extremes[name] = self.extremes[name].union(seen) if name in self.extremes else seen
        flat = value.reshape(-1)
        if flat.size > SAMPLES:
            flat = flat[self._rng.integers(0, flat.size, SAMPLES)]
        self.samples.setdefault(name, []).append(flat)
