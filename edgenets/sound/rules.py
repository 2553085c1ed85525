"""What is odd about sound, and what to do about it: a rule a kind.

A rule is given the level of each second, and answers once. The limits are such that speech, music,
noise and silent rooms keep them; `docs/measurements.md` has how often real recordings do not.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

from edgenets.sound.level import QUIET, Level

# Spread that sound without any signal has: the last step of 16 bits.
_DEAD = 2.5 / 32768

# A stream that begins with silence this long, or falls silent so long, is worth a look.
_DEAD_AT_FIRST, _DEAD_LATER = 10.0, 60.0  # s
_DEAD_RECORDING = 1.0  # s

# A stream in which something is heard, but nothing loud for so long.
_QUIET_AT_FIRST, _QUIET_LATER = 20.0, 300.0  # s
_EVENTS_LATER = 25  # seconds with something in them, of a quarter that is looked at

# Without any event: a whole recording, or a minute of a stream. Rooms are louder.
_FAINT, _FAINT_STREAM = 0.001, 0.0005  # −60 and −66 dB
_FAINT_SECONDS, _FAINT_RECORDING = 60.0, 5.0

# A loud word that touches full scale has less.
_CLIPPED = 0.03  # part of a second

# Float sound that goes this far beyond full scale is on another scale.
_SCALE = 8.0

# Cheap microphones have 0.01.
_OFFSET = 0.05

# Seconds that have to show it, in streams.
_SEEN = 3.0


class Rule(ABC):
    """One kind of oddness."""

    kind: ClassVar[str]

    @abstractmethod
    def take(self, level: Level) -> str | None:
        """What to say after this second, if anything."""

    def finish(self) -> str | None:
        """What to say at the end of a recording that is shorter than it takes to be sure."""
        return None


class Silent(Rule):
    """Nothing but zeros, or one other value."""

    kind = "silent"

    def __init__(self) -> None:
        self._run, self._total, self._heard, self._value = 0.0, 0.0, False, 0.0

    def take(self, level: Level) -> str | None:
        """See `Rule.take`."""
        self._total += level.seconds
        self._value = level.mean
        if level.high - level.low > _DEAD or level.audible:
            self._run, self._heard = 0.0, True
            return None
        self._run += level.seconds
        limit = _DEAD_LATER if self._heard else _DEAD_AT_FIRST
        return self._text() if self._run >= limit else None

    def finish(self) -> str | None:
        """See `Rule.finish`."""
        return self._text() if self._total > _DEAD_RECORDING and not self._heard else None

    def _text(self) -> str:
        value = "0" if abs(self._value) < _DEAD else f"{self._value:.2f}"
        return (
            f"{self._run:.0f} s of samples that are all {value}: the input is muted, or not the "
            f"one with the sound"
        )


class Quiet(Rule):
    """Something is heard, far below what microphones give."""

    kind = "quiet"

    def __init__(self) -> None:
        self._peak, self._seconds, self._events, self._loud = 0.0, 0.0, 0, False

    def take(self, level: Level) -> str | None:
        """See `Rule.take`."""
        if level.swing >= QUIET or level.cancelled:
            self._peak, self._seconds, self._events, self._loud = 0.0, 0.0, 0, True
            return None
        self._peak = max(self._peak, level.swing)
        self._seconds += level.seconds
        if self._loud:
            # One of four seconds is looked at.
            self._events += int(self._seconds) % 4 == 0 and level.event()
            long = self._seconds >= _QUIET_LATER and self._events >= _EVENTS_LATER
        else:
            self._events += level.event()
            faint = self._seconds >= _FAINT_SECONDS and self._peak < _FAINT_STREAM
            long = (self._seconds >= _QUIET_AT_FIRST and self._events > 0) or faint
        return self._text() if long and self._peak > _DEAD else None

    def finish(self) -> str | None:
        """See `Rule.finish`."""
        faint = self._peak < _FAINT and self._seconds >= _FAINT_RECORDING
        said = not self._loud and (self._events > 0 or faint)
        return self._text() if said and self._peak > _DEAD else None

    def _text(self) -> str:
        return (
            f"nothing louder than {_db(self._peak):.0f} dB of full scale in {self._seconds:.0f} s: "
            f"if there is speech in it, raise the recorder's gain by about "
            f"{-6 - _db(self._peak):.0f} dB"
        )


class Clipped(Rule):
    """Much of it is at full scale."""

    kind = "clipped"

    def __init__(self) -> None:
        self._seconds, self._worst = 0.0, 0.0

    def take(self, level: Level) -> str | None:
        """See `Rule.take`."""
        if level.railed < _CLIPPED or level.high >= _SCALE:
            return None
        self._seconds += level.seconds
        self._worst = max(self._worst, level.railed)
        return self.finish() if self._seconds >= _SEEN else None

    def finish(self) -> str | None:
        """See `Rule.finish`."""
        if not self._seconds:
            return None
        return (
            f"clipped: up to {self._worst:.0%} of the samples of a second are at full scale; lower "
            f"the recorder's gain"
        )


class Scaled(Rule):
    """Float samples that are not in [−1, 1)."""

    kind = "scale"

    def take(self, level: Level) -> str | None:
        """See `Rule.take`."""
        peak = max(level.high, -level.low)
        if peak < _SCALE:
            return None
        bits = 16 if peak <= 1 << 15 else 24 if peak <= 1 << 23 else 32
        return (
            f"float samples up to {peak:,.0f}, where full scale is 1: they are on the scale of "
            f"{bits} bits; divide them by {1 << (bits - 1):,}"
        )


class Offset(Rule):
    """The middle is not at 0."""

    kind = "offset"

    def __init__(self) -> None:
        self._seconds, self._offset = 0.0, 0.0

    def take(self, level: Level) -> str | None:
        """See `Rule.take`."""
        off = abs(level.steady) > _OFFSET and level.high - level.low > _DEAD
        if not off or level.high >= _SCALE or (self._offset and level.mean * self._offset < 0):
            self._seconds, self._offset = 0.0, 0.0
            return None
        self._seconds, self._offset = self._seconds + level.seconds, level.mean
        return self.finish() if self._seconds >= _SEEN else None

    def finish(self) -> str | None:
        """See `Rule.finish`."""
        if not self._offset:
            return None
        return (
            f"its samples lie around {self._offset:+.2f} of full scale, not around 0: a fault of "
            f"the sound card, or unsigned samples that are read as signed ones"
        )


class Cancelled(Rule):
    """The channels cancel in their mean."""

    kind = "cancelled"

    def __init__(self) -> None:
        self._audible, self._cancelled = 0.0, 0.0

    def take(self, level: Level) -> str | None:
        """See `Rule.take`."""
        self._audible += level.seconds * level.audible
        self._cancelled += level.seconds * level.cancelled
        return self.finish() if level.cancelled and self._cancelled >= _SEEN else None

    def finish(self) -> str | None:
        """See `Rule.finish`."""
        if not self._cancelled or self._cancelled < 0.8 * self._audible:
            return None
        return (
            "the channels cancel each other in their mean, which is what the model hears: one has "
            "its wires exchanged; take one alone, as by ?channel=1"
        )


RULES: tuple[type[Rule], ...] = (Silent, Quiet, Clipped, Scaled, Offset, Cancelled)


def _db(amplitude: float) -> float:
    return 20 * math.log10(max(amplitude, 1e-9))
