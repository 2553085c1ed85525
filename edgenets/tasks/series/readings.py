"""One line of text to one reading: CSV with or without a header, JSON objects or arrays.

The same parser reads files to train on and lines that come one at a time. What is no number, what
is infinite and what is not there is missing (NaN), and said to be; nothing is made up here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.files import Json

# What a column of times is called, in small letters.
TIMES = ("time", "date", "timestamp", "datetime", "ds")

# What stands where nothing was measured.
_NOTHING = frozenset({
    "", "na", "n/a", "nan", "null", "none", "-", "?",
    "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity",
})  # fmt: skip

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DELIMITERS = ",;\t"

# Times as numbers that are larger are of milliseconds: seconds come there in the year 5138.
_MILLISECONDS = 1e11

# A record of more columns is no table that a compact network reads.
MOST_COLUMNS = 10_000


@dataclass(frozen=True)
class Reading:
    """What was measured at one time."""

    time: float | None  # s since 1970; None where nothing says
    values: NDArray[np.float64]  # (columns,), NaN where nothing was measured

    @property
    def missing(self) -> int:
        """Columns in which nothing was measured."""
        return int(np.isnan(self.values).sum())


class ReadingParser:
    """Takes lines, the first one perhaps a header, and gives readings."""

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        """Begin.

        Args:
            columns: to read, in this order; None takes all that the first line names.
        """
        self.columns: tuple[str, ...] | None = None if columns is None else tuple(columns)
        self._delimiter: str | None = None
        self._places: list[int] | None = None  # of the columns, in a line of CSV
        self._time: int | None = None  # place of the time
        self._width = 0  # cells of a line

    def parse(self, line: str) -> Reading | None:
        """The reading of a line; None of a header and of a line without anything.

        Raises:
            DataError: the line has another number of cells than the first one, no value at all
                that is a number, no time that can be read, or lacks a column.
        """
        text = line.strip()
        if not text:
            return None
        if text[0] in "{[":
            return self._json(text)
        if self._places is None:
            return self._first(text)
        return self._row(self._cells(text))

    def _first(self, text: str) -> Reading | None:
        """The first line: it says how the others are to be read."""
        self._delimiter = next((d for d in _DELIMITERS if d in text), None)
        cells = self._cells(text)
        if len(cells) > MOST_COLUMNS:
            raise DataError(f"{len(cells):,} columns; {MOST_COLUMNS:,} are the most")
        self._width = len(cells)
        if any(map(_is_measured, cells[1:] or cells)):  # values already: there is no header
            return self._headless(cells)
        self._take_header([cell.strip().strip('"') for cell in cells])
        return None

    def _take_header(self, names: list[str]) -> None:
        times = [i for i, name in enumerate(names) if name.lower() in TIMES]
        self._time = times[0] if times else None
        wanted = self.columns or tuple(n for i, n in enumerate(names) if i != self._time)
        if missing := [name for name in wanted if name not in names]:
            raise DataError(
                f"no column is called {', '.join(map(repr, missing))}; there are "
                f"{', '.join(map(repr, names[:20]))}"
            )
        if not wanted:
            raise DataError("the header names no column of values")
        self.columns = wanted
        self._places = [names.index(name) for name in wanted]

    def _headless(self, cells: list[str]) -> Reading:
        timed = not _is_measured(cells[0]) and len(cells) > 1
        known = len(self.columns) if self.columns else None
        if known is not None and len(cells) == known + 1:
            timed = True
        first = int(timed)
        if known is not None and len(cells) - first != known:
            raise DataError(
                f"{len(cells) - first} values where {known} are needed: "
                f"{', '.join(self.columns or ())}; a header would say which is which"
            )
        self.columns = self.columns or tuple(f"column {i + 1}" for i in range(len(cells) - first))
        self._time = 0 if timed else None
        self._places = list(range(first, len(cells)))
        return self._row(cells)

    def _cells(self, text: str) -> list[str]:
        return text.split(self._delimiter) if self._delimiter else text.split()

    def _row(self, cells: list[str]) -> Reading:
        if len(cells) != self._width:
            raise DataError(f"{len(cells)} cells where the first line has {self._width}")
        assert self._places is not None
        time = None if self._time is None else time_of(cells[self._time])
        return _reading(time, [_number(cells[place]) for place in self._places])

    def _json(self, text: str) -> Reading:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise DataError(f"no JSON: {exc}") from exc
        return self._listed(data) if isinstance(data, list) else self._named(data)

    def _listed(self, data: list[Any]) -> Reading:
        known = self.columns or tuple(f"column {i + 1}" for i in range(len(data)))
        if len(data) != len(known):
            raise DataError(f"{len(data)} values where {len(known)} are needed")
        self.columns = known
        return _reading(None, [_number(value) for value in data])

    def _named(self, data: Json) -> Reading:
        lowered = {str(key).lower(): key for key in data}
        key = next((lowered[name] for name in TIMES if name in lowered), None)
        if self.columns is None:
            self.columns = tuple(str(name) for name in data if name != key)
        if missing := [name for name in self.columns if name not in data]:
            raise DataError(f"has no {', '.join(map(repr, missing))}; null says that it is missing")
        time = None if key is None else time_of(data[key])
        return _reading(time, [_number(data[name]) for name in self.columns])


def time_of(value: Any) -> float:
    """A time as seconds since 1970: ISO 8601, or a number of seconds or milliseconds.

    One that names no zone is taken for UTC: intervals count, and no clock is put forward in it.

    Raises:
        DataError: it is none.
    """
    text = str(value).strip().strip('"')
    if not isinstance(value, bool) and _NUMBER.fullmatch(text):
        number = float(text)
        return number / 1000 if abs(number) > _MILLISECONDS else number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise DataError(
            f"{text[:40]!r} is no time; 2026-01-31 12:00:00, or seconds since 1970, is one"
        ) from exc
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def stamp_of(time: float) -> str:
    """Seconds since 1970 as people read them."""
    text = datetime.fromtimestamp(time, UTC).isoformat(sep=" ")
    return text.removesuffix("+00:00")


def _reading(time: float | None, values: list[float]) -> Reading:
    return Reading(time, np.array(values, np.float64))


def _number(value: Any) -> float:
    """A cell as a number; NaN where nothing was measured."""
    if value is None:
        return math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value) if abs(value) < 1e300 else math.nan
        return number if math.isfinite(number) else math.nan
    text = str(value).strip().strip('"')
    if _NUMBER.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else math.nan
    if text.lower() in _NOTHING:
        return math.nan
    raise DataError(f"{text[:40]!r} is no number; an empty cell says that one is missing")


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell.strip().strip('"')) is not None


def _is_measured(cell: str) -> bool:
    """Whether a cell is a value, or says that one is missing, and is no name."""
    return _is_number(cell) or cell.strip().strip('"').lower() in _NOTHING - {""}
