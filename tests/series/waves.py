"""Tables whose going on is known: waves of a day, with a level that drifts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DAY = 12  # readings
COLUMNS = ("load", "heat")


# A recipe that learns them, and its networks.
HORIZON, SEGMENT, WINDOW = 6, 4, 24

RECIPE: dict[str, Any] = {
    "name": "waves", "description": "Waves", "task": "forecast",
    "data": {"window": WINDOW, "windows": 512, "validation": 0.15, "test": 0.2, "longest_gap": 6},
    "decoding": {"horizon": HORIZON},
    "schedule": {"epochs": 10, "batch": 32, "learning_rate": 1e-2, "average": 0.9,
                 "weight_decay": 0.0},
    "gate": {"clips": 120, "stream_steps": 2000, "agreement": 0.9, "relative_loss": 0.15},
}  # fmt: skip
NETS: dict[str, dict[str, Any]] = {
    "rnn": {"architecture": "series-rnn", "segment": SEGMENT, "embedding": 16, "units": [24],
            "dropout": 0.0},
    "cnn": {"architecture": "series-cnn", "segment": SEGMENT, "channels": 16, "kernel": 2,
            "dilations": [1, 2], "dropout": 0.0},
}  # fmt: skip


def recipe_of(net: str) -> dict[str, Any]:
    return {**RECIPE, "model": NETS[net]}


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
