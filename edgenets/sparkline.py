"""A row of numbers as an image of one line."""

from __future__ import annotations

import numpy as np

from edgenets.arrays import Reals

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 32  # characters


def sparkline(values: Reals, width: int = _WIDTH) -> str:
    """(n,) finite numbers, n > 0; of more than fit, means."""
    parts = np.array_split(np.asarray(values, np.float64), min(width, len(values)))
    means = np.array([part.mean() for part in parts])
    spread = float(np.ptp(means)) or 1.0
    places = np.rint((means - means.min()) / spread * (len(_BARS) - 1)).astype(int)
    return "".join(_BARS[place] for place in places)
