"""Which cells of a table are times and which are values, by the header and by what is in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from edgenets.errors import DataError
from edgenets.tasks.series.dateformats import normal
from edgenets.tasks.series.numbers import Mark, is_missing, reads
from edgenets.tasks.series.times import Times, is_count, is_dated, is_time_of_day

# What a column of times is called, in small letters and without a unit in brackets.
_TIMES_LIST = (
    "time|date|timestamp|datetime|ds|date_time|date time|date/time|time_stamp|time stamp|"
    "ts|epoch|unixtime|unix_time|unix time|utc|_time|timestamp_ms|timestamp_us|"
    "timestamp_ns|epoch_ms|time_ms|last_changed|last_updated|created_at|datum|zeit|"
    "uhrzeit|zeitstempel|datum/uhrzeit|fecha|hora|heure"
)
TIMES = tuple(_TIMES_LIST.split("|"))

# Part of the cells of a column that must be times for the column to be one.
_MOST = 0.9


@dataclass(frozen=True)
class Names:
    """What is known of the columns beforehand."""

    wanted: Sequence[str] | None  # None: all that are numbers
    times: Times


@dataclass(frozen=True)
class Columns:
    """What the cells of a line are."""

    times: tuple[int, ...]  # cells of the time: none, one, or a date and a time of day
    named: bool  # the header says so
    names: tuple[str, ...]  # of the values
    places: tuple[int, ...]  # of the values
    others: tuple[tuple[str, int], ...]  # columns without a number so far
    notices: tuple[str, ...]

    def time(self, cells: list[str]) -> str:
        """The time of a row, which has one."""
        (first, *more) = self.times
        return f"{cells[first]} {cells[more[0]]}" if more else cells[first]


def is_time_name(name: str) -> bool:
    """Whether a column of this name has times."""
    return re.sub(r"\s*[(\[].*", "", name.strip().lower()) in TIMES


def named_times(row: Sequence[str], wanted: Sequence[str] | None) -> list[int]:
    """The cells of a header that name times and are no values that are needed."""
    return [i for i, name in enumerate(row) if is_time_name(name) and name not in (wanted or ())]


def find_columns(
    header: list[str] | None, readings: list[list[str]], decimal: Mark, known: Names
) -> Columns:
    """What the cells are.

    Args:
        readings: cells of the head, all of one width.

    Raises:
        DataError: a column that is needed is not there, is there twice, or none has values.
    """
    width = len(readings[0]) if readings else len(header or ())
    if header is None:
        return _headless(width, readings, decimal, known)
    times = named_times(header, known.wanted)
    named = bool(times)
    times = _paired(times, readings) if times else _dated(width, readings)
    names, notices = _numbered(header, known.wanted)
    if known.wanted is not None:
        places = _needed(header, names, known.wanted)
        return Columns(tuple(times), named, tuple(known.wanted), places, (), tuple(notices))
    free = [i for i in range(len(header)) if i not in times]
    if not free:
        raise DataError("the header names no column of values")
    values = [i for i in free if not _is_index(header, readings, i)]
    return _measured(
        readings,
        decimal,
        Columns(
            tuple(times), named, tuple(names[i] for i in values), tuple(values), (), tuple(notices)
        ),
    )


def _needed(header: list[str], names: list[str], wanted: Sequence[str]) -> tuple[int, ...]:
    """The cells of the columns that are needed."""
    if missing := [name for name in wanted if name not in names]:
        raise DataError(
            f"no column is called {', '.join(map(repr, missing))}; there are "
            f"{', '.join(map(repr, header[:20]))}"
        )
    return tuple(map(names.index, wanted))


def _measured(readings: list[list[str]], decimal: Mark, all: Columns) -> Columns:
    """The columns without those that have texts alone."""
    pairs = list(zip(all.names, all.places, strict=True))
    measured = {i for i in all.places if _has_numbers(readings, i, decimal)}
    numeric = [pair for pair in pairs if pair[1] in measured]
    others = tuple(pair for pair in pairs if pair[1] not in measured)
    names, places = tuple(name for name, _ in numeric), tuple(i for _, i in numeric)
    return replace(all, names=names, places=places, others=others)


def _headless(width: int, readings: list[list[str]], decimal: Mark, known: Names) -> Columns:
    """Columns that nothing names: perhaps a time, and values."""
    wanted = known.wanted
    times = _dated(width, readings)
    if not times and width > 1 and _is_counted(width, readings, wanted):
        times = [0]
    values = tuple(i for i in range(width) if i not in times)
    if wanted is None:
        names = tuple(f"column {number}" for number in range(1, len(values) + 1))
        return _measured(readings, decimal, Columns(tuple(times), False, names, values, (), ()))
    if len(values) != len(wanted):
        raise DataError(
            f"{len(values)} values where {len(wanted)} are needed: {', '.join(wanted)}; a header "
            f"would say which is which"
        )
    return Columns(tuple(times), False, tuple(wanted), values, (), ())


def _is_counted(width: int, readings: list[list[str]], wanted: Sequence[str] | None) -> bool:
    """Whether the first column, which nothing names, is a time as a number."""
    if wanted is not None:
        return len(wanted) == width - 1
    return all(is_count(row[0]) for row in readings)


def _numbered(header: list[str], wanted: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The names of a header, each once: a second `load` is `load 2`; and what to say of it."""
    names: list[str] = []
    notices = []
    for i, name in enumerate(header):
        plain = name or f"column {i + 1}"
        new, number = plain, 1
        while new in names or (new != plain and new in header):
            number += 1
            new = f"{plain} {number}"
        if new != plain:
            notices.append(f"a column {plain!r} is there again: called {new!r}")
            if wanted is not None and plain in wanted and new not in wanted:
                raise DataError(
                    f"{header.count(name)} columns are called {plain!r}, and one is needed; "
                    f"rename or leave out the others"
                )
        names.append(new)
    return names, notices


def _paired(times: list[int], readings: list[list[str]]) -> list[int]:
    """Of the cells that are called times: the time, or a date and its time of day."""
    days = [i for i in times if _mostly(readings, i, _is_day)]
    clocks = [i for i in times if _mostly(readings, i, is_time_of_day)]
    if clocks and days:
        return [days[0], clocks[0]]
    whole = [i for i in times if i not in clocks]
    place = (whole or times)[0]
    return _with_clock(place, readings) if readings else [place]


def _dated(width: int, readings: list[list[str]]) -> list[int]:
    """The first column of dates, with the one of times of day beside it."""
    place = next((i for i in range(width) if _mostly(readings, i, is_dated)), None)
    return [] if place is None else _with_clock(place, readings)


def _with_clock(place: int, readings: list[list[str]]) -> list[int]:
    """A column of times; where it has dates alone, and times of day stand beside it, both."""
    if _mostly(readings, place, _is_day):
        for other in (place + 1, place - 1):
            if 0 <= other < len(readings[0]) and _mostly(readings, other, is_time_of_day):
                return [place, other]
    return [place]


def _is_day(cell: str) -> bool:
    """Whether a cell is a date alone: without a time of day."""
    cell = normal(cell)
    return (is_dated(cell) and ":" not in cell) or bool(re.fullmatch(r"(19|20)\d{6}", cell))


def _mostly(readings: list[list[str]], place: int, kind: Callable[[str], bool]) -> bool:
    cells = [row[place] for row in readings if not is_missing(row[place])]
    # A handful says what a column is; the head may have many.
    cells = cells[:: max(1, len(cells) // 20)]
    return bool(cells) and sum(map(kind, cells)) >= _MOST * len(cells)


def _is_index(header: list[str], readings: list[list[str]], place: int) -> bool:
    """Whether a column without a name is empty or counts the rows, as data frames write one."""
    if header[place]:
        return False
    cells = [row[place] for row in readings]
    if not any(cells):
        return True
    try:
        numbers = list(map(int, cells))
    except ValueError:
        return False
    return len(numbers) > 1 and all(b - a == 1 for a, b in pairwise(numbers))


def _has_numbers(readings: list[list[str]], place: int, decimal: Mark) -> bool:
    """Whether a column has a number, or nothing at all so far."""
    cells = [row[place] for row in readings]
    return any(reads(cell, decimal) for cell in cells) or all(map(is_missing, cells))
