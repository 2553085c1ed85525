"""How often an address may bring a wrong token."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

# Wrong tokens that cost nothing: a person who mistypes, a script with an old one.
FREE = 10

# From then on an address waits after each one, twice as long every time. No longer than this:
# whoever has the right token may sit behind the same address.
LONGEST = 30.0  # s

# What an address did is forgotten when it has been quiet for so long.
_FORGOTTEN = 900.0  # s

# Addresses that are remembered; the one that guessed longest ago goes first.
_MOST = 1024


@dataclass
class _Record:
    failures: int
    last: float  # s of the clock


class Guesses:
    """Wrong tokens by address. While an address waits nothing that it brings is looked at."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def wait(self, address: str) -> float:
        """For how long an address has to wait, s; 0: it may try."""
        record = self._records.get(address)
        if record is None or record.failures < FREE:
            return 0.0
        pause = min(LONGEST, 2.0 ** min(30, record.failures - FREE))
        return max(0.0, record.last + pause - self._clock())

    def failed(self, address: str) -> None:
        """Remember a wrong token."""
        now = self._clock()
        record = self._records.pop(address, None)
        if record is None or now - record.last > _FORGOTTEN:
            record = _Record(0, now)
        self._records[address] = _Record(record.failures + 1, now)
        if len(self._records) > _MOST:
            self._records.popitem(last=False)
