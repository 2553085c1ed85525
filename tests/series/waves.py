"""Tables whose going on is known: waves of a day, with a level that drifts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DAY = 12  # readings
COLUMNS = ("load", "heat")


def waves(count: int, seed: int = 1) -> NDArray[np.float64]:
    """(count, 2): two waves of one day each, on levels that walk."""
    rng = np.random.default_rng(seed)
    place = 2 * np.pi * np.arange(count) / DAY
    level = np.cumsum(0.02 * rng.standard_normal((count, 2)), axis=0)
    wave = np.stack([np.sin(place), 2 * np.cos(place) ** 3], axis=1)
    return 10 + 3 * (wave + level + 0.05 * rng.standard_normal((count, 2)))


def write(path: Path, values: NDArray[np.float64]) -> Path:
    """A CSV of hourly readings."""
    lines = ["date," + ",".join(COLUMNS)]
    for hour, row in enumerate(values):
        stamp = np.datetime64("2026-01-01T00:00:00") + np.timedelta64(hour, "h")
        lines.append(f"{stamp}".replace("T", " ") + "".join(f",{v:.5f}" for v in row))
    path.write_text("\n".join(lines) + "\n")
    return path
