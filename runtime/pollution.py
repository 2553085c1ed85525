"""What spoils a measurement: other programs on the same cores, and a processor that slows down."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_CPUS = Path("/sys/devices/system/cpu")
_STAT = Path("/proc/stat")

# A share of all cores' time that others take, and of its own time that a measurement waited.
_BUSY, _WAITED = 0.15, 0.05

# Of its fastest, below which a processor's clock counts as lowered.
_SLOW = 0.9


class Pollution:
    """Looks on while something is measured.

    A hint, not a proof: what others do between two looks is known by its sum alone.
    """

    def __enter__(self) -> Pollution:
        self._wall, self._own = time.perf_counter(), time.process_time()
        self._idle, self._throttled = _idle_and_all(), _throttled()
        self._switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        self.found = ""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.found = "; ".join(self._signs())

    def _signs(self) -> Iterator[str]:
        wall, own = time.perf_counter() - self._wall, time.process_time() - self._own
        before, after = self._idle, _idle_and_all()
        if before and after and after[1] > before[1]:
            ticks = os.sysconf("SC_CLK_TCK")
            busy = (after[1] - before[1]) - (after[0] - before[0])
            others = (busy / ticks - own) / ((after[1] - before[1]) / ticks)
            if others > _BUSY:
                yield f"other programs took {others:.0%} of all cores"
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - self._switches
        if own < wall * (1 - _WAITED) and switches:
            yield f"it was set aside {switches} times and waited {1 - own / wall:.0%} of the time"
        if _throttled() > self._throttled:
            yield "the processor was throttled for its heat"
        if (clock := _clock()) is not None and clock < _SLOW:
            yield f"the clock is at {clock:.0%} of its fastest"


def _idle_and_all() -> tuple[int, int] | None:
    """Ticks that all cores were idle, and all ticks."""
    try:
        numbers = [int(n) for n in _STAT.read_text().splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return None
    return numbers[3] + numbers[4], sum(numbers)


def _throttled() -> int:
    """How often a core was slowed down for its heat, since the start."""
    return sum(_number(p) or 0 for p in _CPUS.glob("cpu*/thermal_throttle/core_throttle_count"))


def _clock() -> float | None:
    """The fastest of all cores' clocks, as a part of what it could be; None where nobody says."""
    shares = []
    for folder in _CPUS.glob("cpu*/cpufreq"):
        now, fastest = _number(folder / "scaling_cur_freq"), _number(folder / "cpuinfo_max_freq")
        if now and fastest:
            shares.append(now / fastest)
    return max(shares, default=None)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
