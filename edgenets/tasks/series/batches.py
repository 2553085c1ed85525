"""The beginnings of series, as a network that learns a seasonal profile takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.tasks.keywords.batches import Batch
from edgenets.tasks.series.seasonal_profile import NUMBERS, SeasonalInput, SeasonalProfile
from edgenets.tasks.series.table import read_readings
from edgenets.tasks.series.tableformat import TableFormat

# Readings at whose time a series has no seasonal profile yet: predictions there do not count.
_NEW = 10

# Values farther away, scaled, pull no harder.
_FARTHEST = 6.0

# Which of the numbers change their sign when a series is turned upside down.
_SIGNED = np.array([1, 1, 0, 0, 0], bool)


@dataclass(frozen=True, eq=False)
class OneSeries:
    """A column of a table, as it came."""

    name: str
    times: tuple[float | None, ...]  # s since 1970
    values: NDArray[np.float64]  # (readings,), finite

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Known:
    """What is known before each reading of a series, and what came."""

    seasonal: NDArray[np.float32]  # (readings, NUMBERS)
    came: NDArray[np.float32]  # (readings,), scaled


def find_series(root: Path, files: str, format: TableFormat | None = None) -> list[OneSeries]:
    """Every column of every table below a folder, or of one table.

    Raises:
        DataError: there are none, or a table cannot be read.
    """
    paths = [root] if root.is_file() else sorted(p for p in root.glob(files) if p.is_file())
    if not paths:
        raise DataError(f"{root}: has no {files}; see [data] files in the recipe")
    return [series for path in paths for series in _columns(path, format)]


def _columns(path: Path, format: TableFormat | None) -> Iterator[OneSeries]:
    found = read_readings(path, None, format)
    columns, readings = found.columns, [reading for _, reading in found.rows]
    table = np.stack([reading.values for reading in readings])
    for place, column in enumerate(columns):
        there = np.flatnonzero(np.isfinite(table[:, place]))
        times = tuple(readings[i].time for i in there)
        yield OneSeries(f"{path.name}:{column}", times, table[there, place])


def known(series: OneSeries, input: SeasonalInput, count: int) -> Known:
    """Learn a series' seasonal profile over its first readings."""
    seasonal, count = SeasonalProfile(input), min(count, len(series))
    features, came = np.empty((count, NUMBERS), np.float32), np.empty(count, np.float32)
    for i, (time, value) in enumerate(zip(series.times, series.values.tolist(), strict=True)):
        if i == count:
            break
        features[i] = seasonal.before(time, value)
        came[i] = np.clip(seasonal.scaled(value), -_FARTHEST, _FARTHEST)
        seasonal.after(value)
    return Known(features, came)


class BeginningBatches:
    """Beginnings side by side, some upside down, as `Batches`; shorter ones count no further."""

    def __init__(self, every: Sequence[Known], size: int, seed: int) -> None:
        self._every, self._size, self._seed = every, size, seed
        self._longest = max(len(one.came) for one in every)

    def __len__(self) -> int:
        return -(-len(self._every) // self._size)

    def batch(self, epoch: int, number: int) -> Batch:
        """See `edgenets.tasks.keywords.batches.Batches`."""
        order = np.random.default_rng((self._seed, 1, epoch)).permutation(len(self._every))
        chosen = [self._every[i] for i in order[number * self._size : (number + 1) * self._size]]
        rng = np.random.default_rng((self._seed, 2, epoch, number))
        seasonal = np.zeros((len(chosen), self._longest, NUMBERS), np.float32)
        came = np.zeros((len(chosen), self._longest, 1), np.float32)
        weights = np.zeros((len(chosen), self._longest), np.float32)
        for row, one in enumerate(chosen):
            count, sign = len(one.came), rng.choice([-1.0, 1.0])
            seasonal[row, :count] = np.where(_SIGNED, sign * one.seasonal, one.seasonal)
            came[row, :count, 0] = sign * one.came
            weights[row, _NEW:count] = 1.0
        return Batch(seasonal, came, weights)
