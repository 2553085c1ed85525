"""One line of text to one reading: CSV with or without a header, JSON objects or arrays.

The same parser reads files to train on and lines that come one at a time. What is infinite or not
there is missing (NaN), and said to be; nothing is made up here.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.files import Json
from edgenets.tasks.series.cells import cells_of, is_comment, separator_line
from edgenets.tasks.series.columns import TIMES, is_time_name
from edgenets.tasks.series.layout import MOST_COLUMNS, Layout, Undecided, find_header, find_layout
from edgenets.tasks.series.numbers import Mark, number_of, reads, value_of
from edgenets.tasks.series.tableformat import TableFormat
from edgenets.tasks.series.times import Times, is_time_of_day
from edgenets.tasks.series.times import stamp_of as stamp_of
from edgenets.tasks.series.times import time_of as time_of

_HOW = "set --delimiter, --decimal, --time-format to change"

# Kinds of messages whose keys of time are remembered.
_MOST_KINDS = 1000


@dataclass(frozen=True)
class Reading:
    """What was measured at one time."""

    time: float | None  # s since 1970; None where nothing says
    values: NDArray[np.float64]  # (columns,), NaN where nothing was measured
    unheld: int = 0  # of the missing ones: numbers too large to be computed with

    @property
    def missing(self) -> int:
        """Columns in which nothing was measured."""
        return int(np.isnan(self.values).sum())


class ReadingParser:
    """Takes lines, the first ones perhaps a header, and gives readings."""

    def __init__(
        self, columns: Sequence[str] | None = None, format: TableFormat | None = None
    ) -> None:
        """Begin.

        Args:
            columns: to read, in this order; None takes all that have numbers, those that come
                later, too.
            format: what is known of the table; the rest is found.
        """
        self.needed = None if columns is None else tuple(columns)
        self.columns: tuple[str, ...] | None = self.needed
        self.ready = False  # whether it is known how lines are to be read
        self._format = format or TableFormat()
        self._decimal: Mark = "," if self._format.decimal == "," else "."  # in texts of JSON
        self._times = Times(self._format.time_format)
        self._layout: Layout | None = None
        self._head: list[str] = []
        self._before = Counter[str]()  # lines ahead of the first reading that are still to come
        self._keys: dict[tuple[str, ...], tuple[str, ...]] = {}  # of time, by those of a message
        self._measured: set[str] = set()  # columns that had a number
        self._known: set[str] = set()  # `columns`, to be looked up
        self._settled = False  # whether every column had a number
        self._left_out: set[str] = set()
        self._said: tuple[str | None, str | None] = (self._times.unit, self._times.format)
        self._notices: list[tuple[str, str]] = []

    @property
    def newest_first(self) -> bool:
        """Whether the head of the table steps back in time."""
        return self._layout is not None and self._layout.newest_first

    def notices(self) -> list[tuple[str, str]]:
        """Kinds and texts of what there is to say since the last call."""
        found, self._notices = self._notices, []
        return found

    def learn(self, lines: Sequence[str], whole: bool = False) -> None:
        """Find from its first lines how a source is to be read; `parse` them afterwards.

        Args:
            whole: no more lines will come.

        Raises:
            Ambiguous: they do not say, but more lines may.
            DataError: they do, and lack a column that is needed.
        """
        objects, rows = _apart(lines)
        self._learn_times(objects)
        try:
            if rows:
                self._take_layout(rows)
        except Undecided:
            if objects:
                self.ready = True
                return
            if whole:
                find_header(rows, self.needed, self._format)
            raise
        self.ready = bool(rows or objects)
        if not self.ready:
            raise Undecided("no reading yet")

    def parse(self, line: str) -> Reading | None:
        """The reading of a line; None of a header, a comment and a line without anything.

        Raises:
            DataError: the line has another number of cells than the first one, no value at all
                that is a number, no time that can be read, or lacks a column.
        """
        text = line.strip(" \r\n")
        if self._before and self._before[line] > 0:
            self._before[line] -= 1
            return None
        if text[:1] in ("{", "["):
            return self._json(text)
        if text[:1] in ("", "#", " ", "\t", "s", "S", '"') and _is_beside(text):
            if self._layout is None:
                self._head.append(line)
            return None
        if self._layout is None:
            return self._first(line, text)
        return self._row(text, self._layout)

    def _first(self, line: str, text: str) -> Reading | None:
        """A row while the layout is not known: those before it and itself may say."""
        self._head.append(line)
        try:
            layout = self._take_layout(self._head)
        except Undecided as exc:
            if self._keys:
                self._head.clear()
                raise DataError(f"{text[:40]!r} is no reading") from exc
            return None
        self._before.clear()
        self.ready = True
        return self._row(text, layout)

    def _take_layout(self, lines: Sequence[str]) -> Layout:
        layout = find_layout(lines, self._format, self.needed, self._times)
        found = layout.columns
        self._layout = layout
        self._before = Counter(lines[: layout.first])
        self.columns = self.columns or ()
        self._add(found.names)
        self._leave_out(*(name for name, _ in found.others))
        if layout.guesses:
            self._notices.append(("format", f"read as: {', '.join(layout.guesses)}; {_HOW}"))
        self._said = (self._times.unit, self._times.format)
        return layout

    def _row(self, text: str, layout: Layout) -> Reading | None:
        cells = cells_of(text, layout.delimiter)
        if len(cells) != layout.width:
            while len(cells) > layout.width and not cells[-1]:
                cells.pop()
            if len(cells) != layout.width:
                raise DataError(f"{len(cells)} cells where the first line has {layout.width}")
        if cells[0] == layout.begins and layout.is_header(cells):
            return None
        found, decimal = layout.columns, layout.decimal
        time = self._time(found.time(cells)) if found.times else None
        values = [number_of(cells[place], decimal) for place in found.places]
        if self.needed is None and (found.others or self.columns != found.names):
            values = self._placed(cells, values, layout)
        return _reading(time, values)

    def _placed(self, cells: list[str], values: list[float], layout: Layout) -> list[float]:
        """The values of a row in the places of their columns, new ones among them."""
        found = layout.columns
        for name, place in found.others:
            if name not in self._measured and reads(cells[place], layout.decimal):
                self._measured.add(name)
                self._add([name])
        if self.columns == found.names:
            return values
        by_name = dict(zip(found.names, values, strict=True))
        for name, place in found.others:
            if name in self._measured:
                by_name[name] = number_of(cells[place], layout.decimal)
        return [by_name.get(name, math.nan) for name in self.columns or ()]

    def _json(self, text: str) -> Reading:
        data = _loaded(text)
        return self._listed(data) if isinstance(data, list) else self._named(data)

    def _named(self, data: Json) -> Reading:
        keys = self._time_keys(data)
        if missing := [name for name in self.needed or () if name not in data]:
            raise DataError(f"has no {', '.join(map(repr, missing))}; null says that it is missing")
        time = self._time(_time_in(data, keys)) if keys else None
        # Most messages have all columns, each of which had a number before, and nothing else.
        same = self._settled and len(data) == len(keys) + len(self._known)
        if self.needed is not None or (same and self._known <= data.keys()):
            values = [value_of(data[name], self._decimal) for name in self.columns or ()]
        else:
            values = self._found(data, keys)
        self.ready = True
        return _reading(time, values)

    def _found(self, data: Json, keys: Sequence[str]) -> list[float]:
        """The values of a message whose columns nobody named: all that are numbers."""
        found: dict[str, float] = {}
        odd: list[str] = []
        for name in filter(lambda name: name not in keys, data):
            try:
                found[name] = value_of(data[name], self._decimal)
            except DataError:
                if name in self._measured:
                    raise
                odd.append(name)
        self._measured |= {name for name, value in found.items() if value == value}
        if not found:
            raise DataError(f"{', '.join(map(repr, odd[:5])) or 'what is there'} is not a number")
        self._leave_out(*odd)
        if not found.keys() <= self._known:
            self._add(list(found))
        self._settled = self._known <= self._measured
        return [found.get(name, math.nan) for name in self.columns or ()]

    def _listed(self, data: list[object]) -> Reading:
        known = self.columns or tuple(f"column {i + 1}" for i in range(len(data)))
        if len(data) != len(known):
            raise DataError(f"{len(data)} values where {len(known)} are needed")
        values = [value_of(value, self._decimal) for value in data]
        self._add(known)
        self._settled, self.ready = False, True
        return _reading(None, values)

    def _time_keys(self, data: Json) -> tuple[str, ...]:
        """The keys of a message that hold its time: none, one, or a date and a time of day."""
        kind = tuple(data)
        if kind in self._keys:
            return self._keys[kind]
        keys = _keys_of_time(data, self.needed or ())
        if len(self._keys) < _MOST_KINDS:
            self._keys[kind] = keys
        return keys

    def _learn_times(self, lines: Sequence[str]) -> None:
        """How the times of messages are to be read."""
        texts = []
        for line in lines:
            try:
                data = _loaded(line.strip())
            except DataError:
                continue
            if isinstance(data, dict) and (keys := self._time_keys(data)):
                texts.append(str(_time_in(data, keys)))
        self._times.learn(texts)

    def _time(self, value: object) -> float:
        time = self._times.parse(value)
        now = (self._times.unit, self._times.format)
        if now != self._said:
            self._said = now
            self._notices.append(("format", f"read as: {self._times.described()}; {_HOW}"))
        return time

    def _add(self, names: Sequence[str]) -> None:
        """Take columns that were not known."""
        if self.needed is not None:
            return
        new = [name for name in names if name not in self._known]
        self._known.update(new)
        self.columns = (*(self.columns or ()), *new) if self.columns else tuple(new)
        if len(self.columns) > MOST_COLUMNS:
            raise DataError(f"{len(self.columns):,} columns; {MOST_COLUMNS:,} are the most")
        if back := [name for name in new if name in self._left_out]:
            named = ", ".join(map(repr, back))
            self._notices.append(("columns", f"{named} has numbers now: read from here on"))

    def _leave_out(self, *names: str) -> None:
        """Say once that columns have no numbers."""
        new = [name for name in names if name not in self._left_out]
        if new and len(self._left_out) < MOST_COLUMNS:
            self._left_out.update(new)
            have = "has" if len(new) == 1 else "have"
            self._notices.append(
                ("columns", f"{', '.join(map(repr, new[:20]))} {have} no numbers: left out")
            )


def _keys_of_time(data: Json, needed: Sequence[str]) -> tuple[str, ...]:
    named = [key for key in data if is_time_name(key) and key not in needed]
    named.sort(key=lambda key: (*TIMES, key.lower()).index(key.lower()))
    clocks = [key for key in named if is_time_of_day(str(data[key]))]
    whole = [key for key in named if key not in clocks]
    if whole and clocks and ":" not in str(data[whole[0]]):
        return whole[0], clocks[0]
    return tuple((whole or named)[:1])


def _loaded(text: str) -> Json | list[object]:
    try:
        found: Json | list[object] = _DECODER.decode(text)
    except (ValueError, RecursionError) as exc:
        raise DataError(f"no JSON: {exc}") from exc
    return found


def _time_in(data: Json, keys: Sequence[str]) -> object:
    """The time of a message; a date and a time of day as one text."""
    return data[keys[0]] if len(keys) == 1 else " ".join(str(data[key]) for key in keys)


def _is_beside(text: str) -> bool:
    """Whether a line is no row: blank, a comment, or one that names the delimiter."""
    return not text.strip() or is_comment(text) or separator_line(text) is not None


def _apart(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Lines of JSON, and those of a table, where one is more than a comment."""
    objects = [line for line in lines if line.lstrip()[:1] in ("{", "[")]
    rows = [line for line in lines if line.lstrip()[:1] not in ("{", "[")]
    there = any(line.strip() and not is_comment(line) for line in rows)
    return objects, rows if there else []


def _reading(time: float | None, values: list[float]) -> Reading:
    if not values:
        raise DataError("no cell of it but its time is a number")
    array = np.array(values, np.float64)
    unheld = values.count(math.inf) + values.count(-math.inf)
    if unheld:
        array[np.isinf(array)] = np.nan
    return Reading(time, array, unheld)


def _unique(pairs: list[tuple[str, object]]) -> Json:
    """An object whose keys are there once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = Counter(name for name, _ in pairs)
        raise DataError(f"has {names.most_common(1)[0][0]!r} twice")
    return found


# A key that is there twice would lose a value.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique)
