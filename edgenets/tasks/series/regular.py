"""Readings at equal intervals: networks know no other time.

Small gaps are bridged by a straight line, long ones begin anew; what comes twice, too early or out
of order is dropped. Whatever is done is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.series.readings import Reading
from edgenets.tasks.series.times import length_of, stamp_of

# A reading that comes this part of an interval too early or too late is still on time.
_TOLERANCE = 0.5


@dataclass(frozen=True)
class Step:
    """A reading that a network takes."""

    values: NDArray[np.float64]  # (columns,), finite
    time: float | None  # s since 1970; None where nothing says
    measured: bool = True  # False: made to bridge a gap


@dataclass(frozen=True)
class Gap:
    """So much is missing that what came before says nothing of what comes."""

    text: str
    seconds: float | None = None  # from the reading before; None: readings came, but not whole


@dataclass(frozen=True)
class Oddity:
    """Something that a person should know."""

    kind: str  # missing, filled, early, order
    text: str
    count: int = 1


Item = Step | Gap | Oddity


class Regular:
    """Takes readings as they come, gives steps of one interval."""

    def __init__(self, columns: int, interval: float | None, longest_gap: int) -> None:
        """Begin.

        Args:
            interval: s between two steps; None: every reading is one, whatever its time.
            longest_gap: steps that are bridged at most.
        """
        self._interval, self._longest = interval, longest_gap
        self._columns = columns
        self.reset()

    def reset(self) -> None:
        """Forget what came."""
        self._last: NDArray[np.float64] | None = None
        self._time: float | None = None
        self._held = 0  # readings in a row in which something was missing

    def push(self, reading: Reading) -> Iterator[Item]:
        """The steps up to a reading, and what there is to say."""
        skipped = 0
        if reading.time is not None and self._time is not None and self._interval:
            passed = (reading.time - self._time) / self._interval
            if passed <= 0:
                yield Oddity(
                    "order",
                    f"{stamp_of(reading.time)} does not come after {stamp_of(self._time)}; dropped",
                )
                return
            if passed < 1 - _TOLERANCE:
                yield Oddity(
                    "early",
                    f"{stamp_of(reading.time)} comes {passed:.2f} of an interval"
                    f" of {self._interval:g} s after another; dropped",
                )
                return
            skipped = max(0, int(np.floor(passed + _TOLERANCE)) - 1)
        elif reading.time is not None and self._time is not None and reading.time <= self._time:
            yield Oddity(
                "order",
                f"{stamp_of(reading.time)} does not come after {stamp_of(self._time)}; dropped",
            )
            return
        yield from self._steps(reading, skipped)

    def _steps(self, reading: Reading, skipped: int) -> Iterator[Item]:
        missing = np.isnan(reading.values)
        if self._last is None:
            if missing.any():
                yield Oddity("missing", "the first reading is not whole; dropped")
                return
        elif missing.any():
            self._held += 1
            if self._held + skipped > self._longest:
                yield from self._begin_anew(f"{self._held} readings in a row are not whole")
                return
            yield Oddity(
                "missing",
                f"{int(missing.sum())} of {self._columns} values are missing; "
                f"those before them are taken",
            )
        if not missing.any():
            self._held = 0
        if skipped > self._longest:
            yield from self._begin_anew(f"{skipped:,} readings are missing", self._since(reading))
            if missing.any():
                return
            skipped = 0
        values = reading.values
        if self._last is not None:
            values = np.where(missing, self._last, values)
            yield from self._bridge(values, skipped)
        self._last, self._time = values, reading.time
        yield Step(values, reading.time)

    def _bridge(self, values: NDArray[np.float64], count: int) -> Iterator[Item]:
        """Steps on a straight line to a reading."""
        if not count or self._last is None or self._time is None or self._interval is None:
            return
        yield Oddity(
            "filled",
            f"{count} missing readings before a later one were drawn as a straight line",
            count,
        )
        for number in range(1, count + 1):
            part = number / (count + 1)
            time = self._time + number * self._interval
            yield Step(self._last + part * (values - self._last), time, measured=False)

    def _since(self, reading: Reading) -> float | None:
        """The time since the last reading, s."""
        if reading.time is None or self._time is None:
            return None
        return reading.time - self._time

    def _begin_anew(self, why: str, seconds: float | None = None) -> Iterator[Item]:
        self.reset()
        length = "" if seconds is None else f" {length_of(seconds)} without a reading;"
        text = f"{why}, more than the {self._longest} that are bridged;{length} the model"
        yield Gap(f"{text} begins anew", seconds)
