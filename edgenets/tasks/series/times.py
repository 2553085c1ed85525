"""Times of readings: ISO 8601, other dates, and numbers of s, ms, µs or ns since 1970.

What says no zone is taken for UTC: intervals count, and no clock is put forward in it. A time
before the year 1000 or after 2999 is a default or a fault, and refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from edgenets.errors import DataError
from edgenets.tasks.series.dateformats import find_format, in_letters, normal, read_date
from edgenets.tasks.series.numbers import NOTHING

# Times as numbers: how many of the unit are a second.
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

# Numbers from here on are of the next smaller unit: each range ends in the year 5138.
_RANGES = ((1e11, "s"), (1e14, "ms"), (1e17, "us"), (1e20, "ns"))

EARLIEST, LATEST = -30_610_224_000.0, 32_503_680_000.0  # s since 1970: years 1000 to 2999

# No time is longer, in characters; what is has not to be looked at.
_LONGEST = 100

# So many times of another unit, one after another, and it is the source's: one is a fault.
_TURNS = 3

_EPOCH, _NAIVE_EPOCH = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1)
_DATED = re.compile(
    r"([a-z]{3,9}[,.]? +)?(\d{1,4}([-/. ]|\. )(\d{1,2}|[a-z]{3,9})\.?[-/. ]+\d{2,4}"
    r"|[a-z]{3,9}\.?[- ]\d{1,2},?[- ]\d{4})"
    r"([ T,:]+\d{1,2}([:.]\d\d([:.]\d\d)?([.,]\d+)?)?"
    r"( ?[ap]\.?m\.?)?( ?(Z|UTC|GMT|[+-]\d\d:?\d\d))?)?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?")

# Dates without marks: 20260131, with or without a time of day.
_COMPACT = re.compile(
    r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])[0-5]\d([0-5]\d)?)?"
)

# A time of day without a date.
_CLOCK = re.compile(r"\d{1,2}[:.]\d{2}([:.]\d{2}([.,]\d+)?)?( ?[ap]\.?m\.?)?", re.IGNORECASE)


class Times:
    """Reads the times of one source."""

    def __init__(self, format: str | None = None) -> None:
        """Begin.

        Args:
            format: `iso`, a unit of `UNITS`, or as `datetime.strptime` has it; None: found.
        """
        self.fixed = format is not None
        self.unit = format if format in UNITS else None  # of times that are numbers
        self.format = format if format not in (*UNITS, "iso") else None
        self._other, self._others = "", 0  # another unit, and how often it came in a row

    def learn(self, texts: Sequence[str]) -> None:
        """Find how these times are to be read, unless that is known.

        Raises:
            Ambiguous: in more ways than one.
        """
        if self.fixed or self.unit or self.format:
            return
        short = (normal(text) for text in texts if len(text) <= _LONGEST)
        texts = list(filter(lambda text: text.lower() not in NOTHING, short))
        numbers = list(filter(_NUMBER.fullmatch, texts))
        if numbers and 2 * len(numbers) >= len(texts):
            self._learn_unit(numbers)
            return
        odd = [text for text in texts if not _NUMBER.fullmatch(text) and _iso(text) is None]
        if 2 * len(odd) > len(texts):
            self.format = find_format(odd)

    def _learn_unit(self, numbers: Sequence[str]) -> None:
        """The unit of most of these numbers, or that they are dates without marks."""
        self.format = find_format(numbers) if all(map(_COMPACT.fullmatch, numbers)) else None
        units = list(filter(None, map(_unit, numbers)))
        if self.format is None and units:
            self.unit = max(units, key=units.count)

    def parse(self, value: object) -> float:
        """A time as seconds since 1970.

        Raises:
            Ambiguous: day and month cannot be distinguished.
            DataError: it is none, or not one that can be.
        """
        text = value if isinstance(value, str) else str(value)
        if self.format is None and text[4:5] == "-" and (found := _iso(text)) is not None:
            return _checked(found, text)
        text = text.strip().strip('"')
        if isinstance(value, bool) or len(text) > _LONGEST:
            raise DataError(f"{text[:40]} is no time")
        if self.format is not None:
            return _checked(read_date(text, self.format), text)
        if _NUMBER.fullmatch(text):
            return self._counted(text)
        return _checked(_iso(text) or self._dated(text), text)

    def _dated(self, text: str) -> datetime:
        """A date that is not as ISO 8601 has it; from now on all are as this one."""
        if not self.fixed:
            self.format = find_format([normal(text)])
        if self.format is not None:
            return read_date(text, self.format)
        raise DataError(
            f"{text[:40]!r} is no time; 2026-01-31 12:00:00, or seconds since 1970, is one; "
            f"--time-format says another way"
        )

    def _counted(self, text: str) -> float:
        """A number since 1970, in the unit of the source."""
        number = int(text) if text.isdigit() and len(text) < 25 else float(text.replace(",", "."))
        unit = next((unit for most, unit in _RANGES if abs(number) < most), None)
        if unit is None:
            raise DataError(f"{text[:40]} is no time: too large for any unit")
        if self.unit is None:
            self.unit = unit
        if unit != self.unit and not self.fixed:
            self._others = self._others + 1 if unit == self._other else 1
            self._other = unit
            if self._others < _TURNS:
                raise DataError(
                    f"{text[:40]} is no time in {UNIT_NAMES[self.unit]}, as the times before it "
                    f"are; --time-format says which it is"
                )
            self.unit = unit
        self._others = 0
        scale = UNITS[self.unit]
        # A whole number is divided as one: as a float, nanoseconds lose their last digits.
        seconds = number / scale
        if not EARLIEST <= seconds < LATEST:
            raise DataError(
                f"{text[:40]} is no time in {UNIT_NAMES[self.unit]} from the year 1000 to 2999"
            )
        return seconds

    def described(self) -> str:
        """How times are read, for people; empty: as ISO 8601 has them."""
        if self.format is not None:
            return f"times {in_letters(self.format)} ('{self.format}')"
        return f"times in {UNIT_NAMES[self.unit]} since 1970" if self.unit else ""


def time_of(value: object) -> float:
    """One time as seconds since 1970; errors as `Times.parse`."""
    return Times().parse(value)


def stamp_of(time: float) -> str:
    """Seconds since 1970 as people read them, whatever they are."""
    try:
        text = (_EPOCH + timedelta(seconds=time)).isoformat(sep=" ")
    except (OverflowError, ValueError):  # not finite, or of no year that a calendar has
        return f"{time:g} s"
    return text.removesuffix("+00:00")


def length_of(seconds: float) -> str:
    """A length of time in its two largest units."""
    parts = (("day", 86_400.0), ("h", 3600.0), ("min", 60.0))
    for (name, size), (_, smaller) in pairwise((*parts, ("s", 1.0))):
        if seconds >= size:
            whole, rest = divmod(round(seconds / smaller), round(size / smaller))
            ends = {"day": "h", "h": "min", "min": "s"}
            shown = f"{whole:,} {name}{'s' if name == 'day' and whole > 1 else ''}"
            return f"{shown} {rest} {ends[name]}" if rest else shown
    return f"{seconds:g} s"


def is_descending(times: Sequence[float]) -> bool:
    """Whether the newest comes first."""
    steps = [after - before for before, after in pairwise(times)]
    return bool(steps) and max(steps) <= 0 and min(steps) < 0


def is_dated(text: str) -> bool:
    """Whether a cell looks like a date, with or without a time of day, and no mere number."""
    text = text.strip().strip('"')
    return (
        len(text) <= _LONGEST
        and not _NUMBER.fullmatch(text)
        and bool(_DATED.fullmatch(text) or _iso(text))
    )


def is_time_of_day(text: str) -> bool:
    """Whether a cell is a time of day without a date."""
    text = text.strip()
    return ":" in text and _CLOCK.fullmatch(text) is not None


def is_count(text: str) -> bool:
    """Whether a cell may be a number of s, ms, µs or ns since 1970, from the year 2000 to 2100."""
    text = text.strip()
    if not text.isdigit() or len(text) > 20:
        return False
    return any(946_684_800 <= int(text) / scale < 4_102_444_800 for scale in UNITS.values())


def _unit(text: str) -> str | None:
    """The unit of a number by its range; None: of none."""
    number = abs(float(text.replace(",", ".")))
    return next((unit for most, unit in _RANGES if number < most), None)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _checked(moment: datetime, text: str) -> float:
    """Seconds since 1970 of a moment that can be; no conversion of it overflows."""
    since = moment - (_EPOCH if moment.tzinfo else _NAIVE_EPOCH)
    seconds = since.total_seconds()
    if not EARLIEST <= seconds < LATEST:
        raise DataError(f"{text[:40]!r} is no time of the years 1000 to 2999")
    return seconds
