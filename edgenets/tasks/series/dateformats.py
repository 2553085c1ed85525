"""Dates that are not as ISO 8601 has them: which format reads them, and none where two do.

A format is what `datetime.strptime` takes. The date and the time of day are found apart, each in a
table of those in use; days and months that may change places are refused, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache

from edgenets.errors import DataError

# In use alike; of those that read as many dates as each other none is taken.
_DATES_LIST = (
    "%Y-%m-%d|%Y/%m/%d|%Y.%m.%d|%Y%m%d|%d.%m.%Y|%d/%m/%Y|%m/%d/%Y|%d-%m-%Y|%m-%d-%Y|"
    "%d %m %Y|%m %d %Y|%d.%m.%y|%d/%m/%y|%m/%d/%y|%d-%m-%y|%m-%d-%y|%y-%m-%d|%d %b %Y|"
    "%d-%b-%Y|%d/%b/%Y|%d-%b-%y|%d %b %y|%b %d %Y|%b-%d-%Y|%d. %b %Y|%d %B %Y|%B %d %Y|"
    "%d. %B %Y|%Y-%b-%d|%Y %b %d|"
    "%Y-%m|%Y/%m|%m/%Y|%b %Y|%B %Y"
)
_DATES = tuple(_DATES_LIST.split("|"))

# Hardly in use: taken where no other reads a date.
_RARE_DATES_LIST = "%m.%d.%Y|%m.%d.%y|%y/%m/%d|%y.%m.%d|%Y/%d/%m|%Y-%d-%m"
_RARE_DATES = tuple(_RARE_DATES_LIST.split("|"))

_TIMES_LIST = (
    "%H:%M|%H:%M:%S|%H:%M:%S.%f|%H:%M:%S,%f|%H.%M|%H.%M.%S|%H%M|%H%M%S|%I:%M %p|"
    "%I:%M:%S %p|%I:%M:%S.%f %p|%I:%M%p|%I:%M:%S%p|%I %p|%I%p"
)
_TIMES = tuple(_TIMES_LIST.split("|"))
_ZONES = ("", " %z", "%z", " %Z")
_CLOCKS = tuple(time + zone for zone in _ZONES for time in _TIMES)

_WEEKDAY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)[a-z]*[,.]? +", re.IGNORECASE)
# As C's `asctime` and the command `date` write it, after the day of the week.
_YEAR_LAST = re.compile(
    r"([a-z]{3,9} \d{1,2}) (\d\d:\d\d:\d\d)( [a-z]{3,4})? (\d{4})", re.IGNORECASE
)
_CLOCK = re.compile(
    r"(?P<date>.*?\d)(?P<space> |:(?=\d\d:))(?P<time>\d{1,2}([:.]\d\d(?!\d)| ?[AP]M).*)"
)
_LETTERS_LIST = (
    "%Y=yyyy|%y=yy|%m=mm|%d=dd|%b=month|%B=month|%H=hh|%I=hh|%M=mm|%S=ss|%f=fff|%p=AM/PM|"
    "%z=zone|%Z=zone"
)
_LETTERS = dict(pair.split("=") for pair in _LETTERS_LIST.split("|"))

_DIGITS, _WORD = r"\d{1,2}", r"[^\W\d]{3,9}\.?"
_SHAPES = {
    **dict.fromkeys(("%d", "%m", "%H", "%I"), _DIGITS),
    **dict.fromkeys(("%b", "%B"), _WORD),
    **dict.fromkeys(("%y", "%M", "%S"), r"\d\d"),
    "%Y": r"\d{4}",
    "%f": r"\d{1,6}",
    "%p": "[AP]M",
    "%z": r"(Z|[+-]\d\d:?\d\d)",
    "%Z": "(UTC|GMT)",
}


class Ambiguous(DataError):
    """What is there can be read in more ways than one, and none is likelier."""


def normal(text: str) -> str:
    """A time with one kind of space, without the day of the week, and AM and PM as one writes."""
    text = re.sub(r"[\s\u00a0\u202f]+", " ", text.strip().strip('"'))
    text = _WEEKDAY.sub("", text, count=1) if text[:1].isalpha() else text
    text = re.sub(r"(?<=\d), ?(?=\d+[:.]| ?\d{4}\b)", " ", text)  # "Mar 1, 2026", "1/3/2026, 10:00"
    text = re.sub(r"(?<=\d)T(?=\d)", " ", text)
    text = _YEAR_LAST.sub(lambda m: f"{m[1]} {m[4]} {m[2]}{m[3] or ''}", text)
    return re.sub(r"([ap])\.?m\.?$", lambda m: m[1].upper() + "M", text, flags=re.IGNORECASE)


def find_format(texts: Sequence[str]) -> str | None:
    """The one format that reads the most of these times, as `normal` has them; None: none does.

    Raises:
        Ambiguous: several do; their dates, or one of them.
    """
    parts = [_parted(text) for text in texts]
    dates, spaces, clocks = zip(*parts, strict=True)
    clocks = tuple(filter(None, clocks))
    days = _best(dates, _DATES) or _best(dates, _RARE_DATES)
    times = _best(clocks, _CLOCKS) if clocks else [""]
    if not days or not times:
        return None
    if len(days) > 1:
        shown = " or ".join(f"{in_letters(day)} ('{day}')" for day in days)
        raise Ambiguous(f"{texts[0][:40]!r} may be {shown}; --time-format says which")
    space = max(spaces)  # of those that have a time of day
    return days[0] + (space if clocks else "") + times[0]


def read_date(text: str, format: str) -> datetime:
    """A time as a format has it.

    Raises:
        DataError: it is none.
    """
    for variant in (format, *_variants(format)):
        for form in (text, normal(text)):
            try:
                return datetime.strptime(form, variant)
            except (ValueError, OverflowError):
                continue
    raise DataError(f"{text[:40]!r} is no time as {in_letters(format)} ('{format}')")


@cache
def _variants(format: str) -> tuple[str, ...]:
    """A format with and without parts of a second, and without the time of day: midnight."""
    whole, parted = format.replace(".%f", ""), format.replace("%S", "%S.%f")
    found = (whole, parted, re.sub(r"[ T,:]*%[HI].*$", "", format))
    return tuple(variant for variant in dict.fromkeys(found) if variant and variant != format)


def in_letters(format: str) -> str:
    """A format as people write it: %d.%m.%Y is dd.mm.yyyy."""
    return re.sub(r"%.", lambda m: _LETTERS.get(m[0], m[0]), format)


def _parted(text: str) -> tuple[str, str, str]:
    """The date, what stands between, and the time of day of a text."""
    if re.fullmatch(r"\d{12}|\d{14}", text):
        return text[:8], "", text[8:]
    found = _CLOCK.fullmatch(text)
    return (found["date"], found["space"], found["time"]) if found else (text, "", "")


def _best(texts: Sequence[str], formats: Sequence[str]) -> list[str]:
    """The formats that read the most of these texts, and at least one."""
    different = set(texts)
    counts = {format: sum(_fits(text, format) for text in different) for format in formats}
    most = max(counts.values())
    return [format for format, count in counts.items() if count == most > 0]


def _fits(text: str, format: str) -> bool:
    # strptime builds its own expression anew for all but the last five formats.
    if not _shape(format).fullmatch(text):
        return False
    try:
        datetime.strptime(text, format)
    except ValueError:
        return False
    return True


@cache
def _shape(format: str) -> re.Pattern[str]:
    """What texts of a format look like."""
    parts = re.split(r"(%.)", format)
    return re.compile("".join(_SHAPES.get(part, re.escape(part)) for part in parts))
