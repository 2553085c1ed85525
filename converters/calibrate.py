"""Calibration: the range of every tensor, found by rolling true states through recordings.

A state that is calibrated on random numbers, or on its first step alone, gets a
range that it never has in use. Here several recordings follow one another in
every stream, as a microphone hears them, and the states roll through them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .graph import StepGraph
from .reference import Reference

# Values kept of each tensor a step, for percentiles; ranges settle long before.
SAMPLES = 512

# Recordings that follow one another in a stream.
CLIPS_PER_STREAM = 4


@dataclass(frozen=True)
class Range:
    """Smallest and largest value that a tensor takes."""

    low: float
    high: float

    def union(self, other: Range) -> Range:
        """The range that covers both."""
        return Range(min(self.low, other.low), max(self.high, other.high))


def calibrate(
    graph: StepGraph,
    clips: NDArray[np.float32],
    method: Literal["minmax", "percentile"] = "percentile",
    percentile: float = 99.99,
    seed: int = 0,
) -> dict[str, Range]:
    """The range of every tensor of a graph.

    Args:
        graph: a step graph.
        clips: (clips, frames, channels) features of recordings; the first ones
            of a stream come before the others in time.
        method: `minmax` takes the extremes; `percentile` leaves out the outermost
            values, so that one outlier does not cost all others their resolution.
        percentile: of the values, where method is `percentile`.
        seed: of the sampling of values.

    Returns:
        the range of each tensor, by its name.
    """
    per_stream = min(CLIPS_PER_STREAM, len(clips))
    streams = len(clips) // per_stream
    sequences = clips[: streams * per_stream].reshape(streams, -1, clips.shape[2])
    watcher = _Watcher(np.random.default_rng(seed))
    Reference(graph, streams).sequence(sequences, watcher)
    if method == "minmax":
        return watcher.extremes
    return watcher.percentiles(percentile)


class _Watcher:
    """Gathers extremes and samples of every tensor that it is shown."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.extremes: dict[str, Range] = {}
        self._samples: dict[str, list[NDArray[np.float32]]] = {}
        self._rng = rng

    def __call__(self, name: str, value: NDArray[np.float32]) -> None:
        seen = Range(float(value.min()), float(value.max()))
        self.extremes[name] = self.extremes[name].union(seen) if name in self.extremes else seen
        flat = value.reshape(-1)
        if flat.size > SAMPLES:
            flat = flat[self._rng.integers(0, flat.size, SAMPLES)]
        self._samples.setdefault(name, []).append(flat)

    def percentiles(self, percentile: float) -> dict[str, Range]:
        """Ranges that hold `percentile` percent of the values at either end."""
        ranges = {}
        for name, parts in self._samples.items():
            low, high = np.percentile(np.concatenate(parts), (100 - percentile, percentile))
            ranges[name] = Range(float(low), float(high))
        return ranges
