"""Ranges of activations from what they were on calibration items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Of all values, the part that percentiles keep, in percent.
KEPT = 99.999

# Bins of a histogram: some a step of eight bits.
BINS = 2048

# Parts of the whole range that are tried for the least squared error.
_TRIED = np.linspace(0.2, 1.0, 65)

_STEPS = 255


def percentile(counts: NDArray[np.int64], edges: NDArray[np.float64]) -> tuple[float, float]:
    """The range that all but a part of the values lie in, half of it on each side.

    Args:
        counts: (bins,) of a histogram.
        edges: (bins + 1,) of it, rising.
    """
    share = np.cumsum(counts) / max(1, counts.sum())
    part = (1 - KEPT / 100) / 2
    low, high = (int(place) for place in np.searchsorted(share, (part, 1 - part)))
    return float(edges[low]), float(edges[min(high, len(counts) - 1) + 1])


def nearest(counts: NDArray[np.int64], edges: NDArray[np.float64]) -> tuple[float, float]:
    """The range of eight-bit integers whose squared error is least; arguments as `percentile`."""
    middles, kept = (edges[1:] + edges[:-1]) / 2, counts > 0
    values, weights = middles[kept].astype(np.float64), counts[kept].astype(np.float64)
    best, found = np.inf, (0.0, 0.0)
    for part in _TRIED if len(values) else ():
        low, high = min(0.0, part * values.min()), max(0.0, part * values.max())
        step = (high - low) / _STEPS or 1.0
        rounded = np.clip(np.round((values - low) / step), 0, _STEPS) * step + low
        error = float(np.sum(weights * (rounded - values) ** 2))
        if error < best:
            best, found = error, (low, high)
    return found
