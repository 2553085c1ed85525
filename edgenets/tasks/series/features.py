"""What a network of series takes in: stretches of readings that do not know their own level.

A series may stand anywhere, and where it stands changes over the years. So every stretch is given
by its differences from its own last reading, with the step from the last reading of the stretch
before; what a network predicts is the difference from the last reading, too (as in NLinear,
Zeng et al. 2023, arXiv:2205.13504, but one stretch after another, so that it can stream).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Reals

Real = NDArray[np.float32]


def segments(values: Reals, segment: int) -> Real:
    """Series in stretches, as a network takes them.

    Args:
        values: (…, readings), scaled; a whole number of stretches.
        segment: readings of a stretch.

    Returns:
        (…, stretches, segment) float32: differences from the stretch's last reading, but for the
        last place, which has its step from the stretch before; of the first stretch it is 0.
    """
    count = values.shape[-1] // segment
    parts = np.asarray(values).reshape(*values.shape[:-1], count, segment)
    last = parts[..., -1:]
    found: Real = (parts - last).astype(np.float32)
    found[..., 1:, -1] = (last[..., 1:, 0] - last[..., :-1, 0]).astype(np.float32)
    return found


def segment_after(stretch: Reals, before: float | None) -> Real:
    """One stretch, (segment,), as a network takes it; `before` is the last reading ahead of it."""
    found: Real = (stretch - stretch[-1]).astype(np.float32)
    found[-1] = 0.0 if before is None else stretch[-1] - before
    return found
