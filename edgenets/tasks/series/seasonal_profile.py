"""What a series usually does, learned as it goes: its level, its spread, its day.

It is a model's input before a reading comes. Nothing in it has seen the last readings but slow
means: a network that had them would swallow an anomaly with the next reading, and predict the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from edgenets.artifact import DType

_DAY = 86_400.0  # s

# Beyond this a scaled value says no more than that it is far away.
_FARTHEST = 12.0

# A network's inputs: slow mean, usual value at this time of day, whether there is one,
# and the time of day as a place on a circle.
NUMBERS = 5


@dataclass(frozen=True)
class SeasonalInput:
    """How fast a series' seasonal profile is learned and forgotten; memories are in readings."""

    dtype: ClassVar[DType] = "float32"
    width: ClassVar[int] = NUMBERS

    kind: Literal["seasonal"]
    level: int = 2000  # memory of the mean and the spread
    slow: int = 100  # memory of the slow mean
    bins: int = 96  # parts of a day that have a usual value each
    bin_rate: float = 0.3  # how fast it follows

    def __post_init__(self) -> None:
        if not (1 <= self.level <= 10_000_000 and 1 <= self.slow <= 10_000_000):
            raise ValueError("level and slow must be 1 to 10,000,000 readings")
        if not 1 <= self.bins <= 86_400 or not 0 < self.bin_rate <= 1:
            raise ValueError("bins must be 1 to 86,400, and bin_rate lie in (0, 1]")


class SeasonalProfile:
    """Of one series. Every reading is asked for with `before` and taken with `after`."""

    def __init__(self, input: SeasonalInput) -> None:
        self._input = input
        self._bins: list[float | None] = [None] * input.bins
        self._count = 0
        self._mean = self._slow = self._deviation = 0.0
        self._scale, self._bin = 1.0, 0

    def before(self, time: float | None, value: float) -> list[float]:
        """What is known ahead of a reading, `NUMBERS` numbers.

        Args:
            time: s since 1970; None: its time of day is not known, and nothing is said of it.
            value: of the reading; the first one alone counts, as the level to begin at.
        """
        if not self._count:
            self._mean = self._slow = value
        self._scale = max(self._deviation, 1e-3 * abs(self._mean) + 1e-9)
        if time is None:
            self._bin = -1
            slow = self.scaled(self._slow)
            return [slow, slow, 0.0, 0.0, 0.0]
        second = time % _DAY
        # A hair before midnight rounds to a whole day.
        self._bin = int(second * self._input.bins // _DAY) % self._input.bins
        usual, place = self._bins[self._bin], 2 * math.pi * second / _DAY
        return [
            self.scaled(self._slow),
            self.scaled(self._slow if usual is None else usual),
            0.0 if usual is None else 1.0,
            math.sin(place),
            math.cos(place),
        ]

    def scaled(self, value: float) -> float:
        """A value as the model knows it: in mean deviations from the level, large ones pressed."""
        return math.asinh((value - self._mean) / self._scale)

    def unscaled(self, scaled: float) -> float:
        """The value of what the network says."""
        return self._mean + self._scale * math.sinh(min(max(scaled, -_FARTHEST), _FARTHEST))

    def after(self, value: float) -> None:
        """Take the reading that `before` was asked for."""
        self._count += 1
        rate = max(1 / self._count, 1 / self._input.level)
        away = value - self._mean
        self._mean += rate * away
        if self._count > 1:
            self._deviation += max(1 / (self._count - 1), rate) * (abs(away) - self._deviation)
        self._slow += max(1 / self._count, 1 / self._input.slow) * (value - self._slow)
        if self._bin >= 0:
            usual = self._bins[self._bin]
            self._bins[self._bin] = (
                value if usual is None else usual + self._input.bin_rate * (value - usual)
            )
