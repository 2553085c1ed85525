"""How surprising a reading is: a forecast's errors against their own record.

The mean error over one, a few and many readings is held against the largest that there was, which
fades slowly: 1.04 is a new record by 4 %. What is not louder than all of the last readings is said
to be quiet: an anomaly is reported once. It needs no distribution, two numbers a mean and a short
queue.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

# An error of nothing, so that a series that stands still divides by something.
_LEAST = 1e-9


@dataclass(frozen=True)
class AnomalyDecoding:
    """What an anomaly is."""

    means: tuple[int, ...] = (1, 5, 25)  # readings that errors are averaged over
    record: int = 10_000  # readings in which a record fades to 1/e
    quiet: int = 50  # readings that it must be louder than
    settle: int = 150  # readings in which everything is new, and nothing is reported
    threshold: float = 1.04  # of the record, from which a reading is reported

    def __post_init__(self) -> None:
        if not self.means or not all(1 <= m <= 1_000_000 for m in self.means):
            raise ValueError("means are numbers of readings, and at least one")
        if not 1 <= self.record <= 100_000_000 or not 0 <= self.quiet <= 1_000_000:
            raise ValueError("record and quiet are numbers of readings")
        if not 0 <= self.settle <= 10_000_000:
            raise ValueError("settle is a number of readings")
        if not 0 < self.threshold <= 1e6:
            raise ValueError("threshold is a part of the record, and more than nothing")


class AnomalyScorer:
    """Of one series."""

    def __init__(self, decoding: AnomalyDecoding) -> None:
        self._decoding = decoding
        self._means = [0.0] * len(decoding.means)
        self._records = [0.0] * len(decoding.means)
        self._fading = math.exp(-1 / decoding.record)
        self._past: deque[float] = deque(maxlen=decoding.quiet)
        self.count = 0  # readings

    def push(self, error: float) -> float:
        """Take the next error, at least 0.

        Returns:
            the largest mean error as a part of its record before this reading; 0 of one that is
            quiet, and while all is new.
        """
        self.count += 1
        loudest = 0.0
        for i, readings in enumerate(self._decoding.means):
            self._means[i] += max(1 / self.count, 1 / readings) * (error - self._means[i])
            loudest = max(loudest, (self._means[i] + _LEAST) / (self._records[i] + _LEAST))
            self._records[i] = max(self._records[i] * self._fading, self._means[i])
        loud = not self._past or loudest > max(self._past)
        self._past.append(loudest)
        return loudest if loud and self.count > self._decoding.settle else 0.0
