"""Readings in the order of their times: what comes late is dropped, a clock that goes back is not.

One reading with a time of years ahead would have all that follow come late. So many of them in a
row, each later than the one before, are a clock that was put back: they count from there on.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# Late readings in a row, in order among themselves, after which the clock is taken to be theirs.
TURNS = 5

# The last steps say what is usual: so few where they are alike, within this factor, and more where
# they are not.
_STEPS = 25
_FEWEST, _EVEN = 3, 1.5
_ENOUGH = 12

# A step that is longer than so many usual ones is a gap.
GAP = 3.0

Verdict = Literal["next", "repeated", "late", "back"]


class Order:
    """Of one source."""

    def __init__(self) -> None:
        self.last: float | None = None  # s since 1970 of the last reading that was taken
        self._values: NDArray[np.float64] = np.empty(0)
        self._late: float | None = None  # of the last one that was not
        self._turns = 0

    def push(self, time: float, values: NDArray[np.float64]) -> Verdict:
        """What a reading is: the next one, the last one once more, late, or of a clock put back.

        Args:
            time: s since 1970.
            values: (columns,)
        """
        if self.last is None or time > self.last:
            return self._taken(time, values, "next")
        known = self._values
        if (
            time == self.last
            and known is not None
            and np.array_equal(values, known, equal_nan=True)
        ):
            return "repeated"
        self._turns = self._turns + 1 if self._late is not None and time > self._late else 1
        self._late = time
        return self._taken(time, values, "back") if self._turns >= TURNS else "late"

    def _taken(self, time: float, values: NDArray[np.float64], verdict: Verdict) -> Verdict:
        self.last, self._values = time, values
        self._late, self._turns = None, 0
        return verdict


class Gaps:
    """Finds where nothing came for much longer than usual."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._steps: deque[float] = deque(maxlen=_STEPS)

    def push(self, time: float) -> tuple[float, float] | None:
        """The length of a gap that a reading ends and the usual step, s; None: there is none.

        Args:
            time: s since 1970, later than the last.
        """
        if self._last is None:
            self._last = time
            return None
        step, self._last = time - self._last, time
        known = sorted(self._steps)
        self._steps.append(step)
        if len(known) < (_FEWEST if known and known[-1] <= _EVEN * known[0] else _ENOUGH):
            return None
        # All steps but one were no longer than this: readings may come when they like, and the
        # one may be a gap itself.
        usual = known[-2]
        return (step, usual) if step > GAP * usual else None

    def restart(self, time: float) -> None:
        """The clock was put back: the step to here says nothing."""
        self._last = time
