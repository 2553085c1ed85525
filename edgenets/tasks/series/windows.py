"""Windows of series: what came, and how it went on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.tasks.keywords.batches import Batch
from edgenets.tasks.series.features import segments
from edgenets.tasks.series.spec import ForecastSpec, SeriesInput

Real = NDArray[np.float32]


@dataclass(frozen=True)
class Windows:
    """Windows of all columns, one column after another."""

    came: Real  # (windows, readings), scaled
    following: Real  # (windows, horizon), scaled

    def __len__(self) -> int:
        return len(self.came)

    def spread(self, count: int) -> Windows:
        """At most so many of them, at equal distances."""
        chosen = np.linspace(0, len(self) - 1, min(count, len(self))).astype(int)
        return Windows(self.came[chosen], self.following[chosen])

    @property
    def last(self) -> Real:
        """The last reading that came, (windows, 1)."""
        return self.came[:, -1:]


def scaled(values: NDArray[np.float64], input: SeriesInput) -> Real:
    """(readings, columns) as the network knows them: (columns, readings)."""
    found: Real = ((values - np.array(input.mean)) / np.array(input.std)).T.astype(np.float32)
    return found


def windows_of(series: Real, first: int, last: int, window: int, horizon: int) -> Windows:
    """Every window whose forecast lies in [first, last) readings.

    Args:
        series: (columns, readings); what came may begin before `first`.
    """
    start = max(first - window, 0)
    view = sliding_window_view(series[:, start:last], window + horizon, axis=1)
    flat = view.reshape(-1, window + horizon)
    return Windows(flat[:, :window], flat[:, window:])


def split_windows(series: Real, spec: ForecastSpec, split: Split | None) -> Windows:
    """The windows of a split of (columns, readings), or of all.

    What came may lie in the part before.

    Raises:
        DataError: the series are too short for one.
    """
    borders, every = spec.borders, series.shape[1]
    first, last = {
        None: (0, every),
        "train": (0, borders.train),
        "validation": (borders.train, borders.validation),
        "test": (borders.validation, borders.test),
    }[split]
    if last > every or last - max(first - spec.window, 0) < spec.window + spec.decoding.horizon:
        raise DataError(
            f"{every:,} readings have no window of {spec.window} and {spec.decoding.horizon} ahead "
            f"in the {split or 'whole'} part; the table of the training is needed for its parts"
        )
    return windows_of(series, first, last, spec.window, spec.decoding.horizon)


@dataclass(frozen=True)
class Ahead:
    """Forecasts after windows, scaled."""

    median: Real  # (windows, horizon)
    low: Real | None  # of the lower quantile
    high: Real | None  # of the higher

    @classmethod
    def of(cls, answers: Real, windows: Windows, horizon: int, relative: bool = True) -> Ahead:
        """From a network's (windows, scores).

        Args:
            relative: whether they are relative to the last reading.
        """
        parts = answers.reshape(len(windows), -1, horizon)
        parts = parts + windows.last[:, None] if relative else parts
        low, high = (parts[:, 1], parts[:, 2]) if parts.shape[1] == 3 else (None, None)
        return cls(parts[:, 0], low, high)

    def coverage(self, following: Real) -> float | None:
        """The part of what came that lies between the quantiles, 0…1; None where there are none."""
        if self.low is None or self.high is None:
            return None
        return float(((following >= self.low) & (following <= self.high)).mean())


class WindowBatches:
    """Windows that begin anywhere in any column, as `Batches`."""

    def __init__(
        self, series: Real, window: int, horizon: int, segment: int, settle: int, count: int,
        size: int, seed: int,
    ) -> None:  # fmt: skip
        """Take series.

        Args:
            series: (columns, readings), more than window + horizon.
            settle: stretches whose forecasts do not count yet.
            count: windows an epoch.
            size: windows a batch.
        """
        self._series, self._window, self._horizon = series, window, horizon
        self._segment, self._settle, self._size, self._seed = segment, settle, size, seed
        self._count = max(1, count // size)

    def __len__(self) -> int:
        return self._count

    def batch(self, epoch: int, number: int) -> Batch:
        """See `edgenets.tasks.keywords.batches.Batches`; a target at every stretch of a window."""
        rng = np.random.default_rng((self._seed, 2, epoch, number))
        whole = self._window + self._horizon
        columns = rng.integers(0, len(self._series), self._size)
        starts = rng.integers(0, self._series.shape[1] - whole + 1, self._size)
        windows = self._series[columns[:, None], starts[:, None] + np.arange(whole)]
        targets = relative_targets(windows, self._window, self._horizon, self._segment)
        weights = np.ones(targets.shape[:2], np.float32)
        weights[:, : self._settle] = 0.0
        return Batch(segments(windows[:, : self._window], self._segment), targets, weights)


def relative_targets(windows: Real, window: int, horizon: int, segment: int) -> Real:
    """How series go on after every stretch, as the difference from its last reading.

    Args:
        windows: (windows, window + horizon).

    Returns:
        (windows, stretches, horizon) float32.
    """
    ends = np.arange(segment, window + 1, segment)
    ahead = windows[:, ends[:, None] + np.arange(horizon)]
    return ahead - windows[:, ends - 1][..., None]


def pieces(count: int, size: int) -> Iterator[slice]:
    """Slices of at most so many, one after another."""
    for at in range(0, count, size):
        yield slice(at, at + size)
