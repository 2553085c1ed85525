"""A table of readings on disk, in memory: what models of series are trained on and measured by."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.tasks.language.texts import read_text
from edgenets.tasks.series.dateformats import Ambiguous
from edgenets.tasks.series.layout import HEAD, Undecided
from edgenets.tasks.series.readings import Reading, ReadingParser
from edgenets.tasks.series.regular import Gap, Regular, Step
from edgenets.tasks.series.tableformat import TableFormat

# Of the faults of a table so many are shown one by one.
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Table:
    """Readings at equal intervals."""

    columns: tuple[str, ...]
    values: NDArray[np.float64]  # (readings, columns), finite
    interval: float | None  # s; None where the table has no times
    notices: tuple[str, ...] = ()  # what was missing, filled or dropped

    def __len__(self) -> int:
        return len(self.values)


def find_table(root: Path, file: str | None = None) -> Path:
    """The table of a folder, or a table itself.

    Raises:
        DataError: there is none, or several and none is named.
    """
    if root.is_file():
        return root
    found = sorted(root.glob(file or "*.csv"))
    if len(found) != 1:
        there = ", ".join(path.name for path in found[:10]) or "none"
        raise DataError(
            f"{root}: one table is needed, and {file or '*.csv'} is {len(found)} ({there}); give "
            f"the file itself, or [data] file in the recipe"
        )
    return found[0]


@dataclass(frozen=True, eq=False)
class Readings:
    """A table as it stands in its file."""

    columns: tuple[str, ...]
    rows: list[tuple[int, Reading]]  # in time, each with its line's number
    notices: tuple[str, ...]  # how it was read, where that is not the usual

    @property
    def times(self) -> list[float]:
        """s since 1970 of those that have one."""
        return [reading.time for _, reading in self.rows if reading.time is not None]


def read_readings(
    path: Path, columns: Sequence[str] | None = None, format: TableFormat | None = None
) -> Readings:
    """The readings of a file of CSV or JSON lines.

    Args:
        columns: to read, in this order; None takes all that have numbers.
        format: what is known of the table; the rest is found.

    Raises:
        DataError: a line cannot be read, it can be read in more ways than one, or there are no
            readings.
    """
    parser, readings = ReadingParser(columns, format), []
    lines = re.split(r"\r\n|\r|\n", read_text(path))
    _learn(parser, lines, path)
    for number, line in enumerate(lines, 1):
        try:
            reading = parser.parse(line)
        except DataError as exc:
            raise DataError(f"{path}, line {number}: {exc}") from exc
        if reading is not None:
            readings.append((number, reading))
    if not readings or parser.columns is None:
        raise DataError(f"{path}: has no readings")
    notices = [f"{path.name}: {text}" for _, text in parser.notices()]
    if parser.newest_first:
        notices.append(f"{path.name}: newest first: sorted by time")
        readings.reverse()  # rows of one time were written newest first, too
        readings.sort(key=lambda row: row[1].time or 0.0)
    return Readings(parser.columns, _whole(readings, len(parser.columns)), tuple(notices))


def _learn(parser: ReadingParser, lines: Sequence[str], path: Path) -> None:
    """Find how a table is to be read: from its head, and further where that leaves a question."""
    enough = HEAD
    while True:
        try:
            return parser.learn(lines[:enough], whole=enough >= len(lines))
        except Undecided as exc:
            if enough >= len(lines):
                raise DataError(f"{path}: has no readings") from exc
        except DataError as exc:
            if enough >= len(lines) or not isinstance(exc, Ambiguous):
                raise DataError(f"{path}: {exc}") from exc
        enough *= 4


def _whole(rows: list[tuple[int, Reading]], columns: int) -> list[tuple[int, Reading]]:
    """The same, where columns that came later are missing in what was before."""
    short = [i for i, (_, reading) in enumerate(rows) if len(reading.values) < columns]
    for i in short:
        number, reading = rows[i]
        values = np.full(columns, np.nan)
        values[: len(reading.values)] = reading.values
        rows[i] = number, Reading(reading.time, values, reading.unheld)
    return rows


def read_table(
    path: Path,
    columns: Sequence[str] | None = None,
    longest_gap: int = 24,
    format: TableFormat | None = None,
) -> Table:
    """Read a table of CSV or JSON lines.

    Args:
        columns: to read, in this order; None takes all that have numbers.
        longest_gap: intervals that are bridged; a longer gap is refused, for a table is one series.
        format: what is known of the table; the rest is found.

    Raises:
        DataError: a line cannot be read, a gap is too long, or there are no readings.
    """
    found = read_readings(path, columns, format)
    interval = usual_interval(found.times)
    regular = Regular(len(found.columns), interval, longest_gap)
    rows, counts = [], Counter[str]()
    shown: list[str] = []
    for number, item in ((n, item) for n, reading in found.rows for item in regular.push(reading)):
        if isinstance(item, Step):
            rows.append(item.values)
        elif isinstance(item, Gap):
            raise DataError(
                f"{path}, line {number}: {item.text}. Divide the table there, or bridge more: "
                f"[data] longest_gap in the recipe"
            )
        else:
            counts[item.kind] += item.count
            if counts[item.kind] == item.count and len(shown) < _SHOWN:
                shown.append(f"line {number}: {item.text}")
    if not rows:
        raise DataError(f"{path}: no reading is whole")
    notices = tuple(f"{path.name}: {kind} ×{count:,}" for kind, count in counts.items())
    return Table(found.columns, np.stack(rows), interval, (*found.notices, *notices, *shown))


def usual_interval(times: Sequence[float]) -> float | None:
    """The most frequent time between two readings, s; None of fewer than two with times."""
    steps = np.diff(np.asarray(times))
    steps = np.round(steps[steps > 0], 3)
    if not len(steps):
        return None
    values, counts = np.unique(steps, return_counts=True)
    return float(values[counts.argmax()])
