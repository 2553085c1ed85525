"""Counts in a stretch of time as rates, with what chance makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable

_TAIL = 0.025  # on each side of an interval of 95 %

_STEPS = 60  # of bisection: beyond the digits of a float


def poisson_bounds(count: int) -> tuple[float, float]:
    """The 95 % interval of the expected count, where `count` were counted (Garwood 1936)."""
    high = _where(lambda mean: _at_most(count, mean) > _TAIL, count)
    if not count:
        return 0.0, high
    return _where(lambda mean: 1 - _at_most(count - 1, mean) < _TAIL, count), high


def _where(below: Callable[[float], bool], count: int) -> float:
    """The mean at which a condition that holds at 0 ends to hold."""
    low, high = 0.0, 4.0 * count + 16.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return high


def _at_most(count: int, mean: float) -> float:
    """P(N ≤ count) of a Poisson distribution."""
    if mean <= 0:
        return 1.0
    logs = [n * math.log(mean) - mean - math.lgamma(n + 1) for n in range(count + 1)]
    return min(1.0, math.fsum(map(math.exp, logs)))
