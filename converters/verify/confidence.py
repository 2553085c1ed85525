"""What a share of few items says of all: intervals of confidence, and when they count.

Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927).
"""

from __future__ import annotations

import math

# Of a standard normal: nineteen times of twenty it is below this.
_ONE_SIDED = 1.645

# Where so many decisions or more fit into what may be lost, one more or less decides nothing.
_SEVERAL = 4

CONFIDENCE = 0.95


def is_few(items: int, allowed: float) -> bool:
    """Whether items are so few that a single decision is much of what may be lost.

    Args:
        items: that decisions are independent of each other by.
        allowed: share that may be lost.
    """
    return items > 0 and items * allowed < _SEVERAL


def highest(share: float, items: int) -> float:
    """The highest share of all that a share of so many items is likely to be of, one-sided."""
    z2 = _ONE_SIDED**2
    middle = share + z2 / (2 * items)
    half = _ONE_SIDED * math.sqrt(share * (1 - share) / items + z2 / (4 * items**2))
    return min(1.0, (middle + half) / (1 + z2 / items))


def lowest(share: float, items: int) -> float:
    """The lowest likewise."""
    return max(0.0, 1 - highest(1 - share, items))


def least_drop(drop: float, changed: float, items: int) -> float:
    """The least of a metric, a share of decisions that are right, that is likely to be lost of all.

    Args:
        drop: seen in the items.
        changed: share of decisions that are others than the model's; no more can be lost or gained.
    """
    return drop - _ONE_SIDED * math.sqrt(max(changed, abs(drop)) / items)
