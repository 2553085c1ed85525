"""A table of readings on disk, in memory: what models of series are trained on and measured by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.tasks.language.texts import read_text
from edgenets.tasks.series.readings import Reading, ReadingParser
from edgenets.tasks.series.regular import Gap, Oddity, Regular, Step

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


def read_readings(
    path: Path, columns: Sequence[str] | None = None
) -> tuple[tuple[str, ...], list[tuple[int, Reading]]]:
    """The columns of a file of CSV or JSON lines, and its readings, each with its line's number.

    Raises:
        DataError: a line cannot be read, or there are no readings.
    """
    parser, readings = ReadingParser(columns), []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        try:
            reading = parser.parse(line)
        except DataError as exc:
            raise DataError(f"{path}, line {number}: {exc}") from exc
        if reading is not None:
            readings.append((number, reading))
    if not readings or parser.columns is None:
        raise DataError(f"{path}: has no readings")
    return parser.columns, readings


def read_table(path: Path, columns: Sequence[str] | None = None, longest_gap: int = 24) -> Table:
    """Read a table of CSV or JSON lines.

    Args:
        columns: to read, in this order; None takes all.
        longest_gap: intervals that are bridged; a longer gap is refused, for a table is one series.

    Raises:
        DataError: a line cannot be read, a gap is too long, or there are no readings.
    """
    names, readings = read_readings(path, columns)
    times = [reading.time for _, reading in readings]
    interval = usual_interval([t for t in times if t is not None])
    regular = Regular(len(names), interval, longest_gap)
    rows, counts = [], Counter[str]()
    shown: list[str] = []
    for number, reading in readings:
        for item in regular.push(reading):
            if isinstance(item, Step):
                rows.append(item.values)
            elif isinstance(item, Gap):
                raise DataError(
                    f"{path}, line {number}: {item.text}. Divide the table there, or bridge more: "
                    f"[data] longest_gap in the recipe"
                )
            else:
                assert isinstance(item, Oddity)
                counts[item.kind] += item.count
                if counts[item.kind] == 1 and len(shown) < _SHOWN:
                    shown.append(f"line {number}: {item.text}")
    if not rows:
        raise DataError(f"{path}: no reading is whole")
    notices = tuple(f"{path.name}: {kind} ×{count:,}" for kind, count in counts.items())
    return Table(names, np.stack(rows), interval, (*notices, *shown))


def usual_interval(times: Sequence[float]) -> float | None:
    """The most frequent time between two readings, s; None of fewer than two with times."""
    steps = np.diff(np.asarray(times))
    steps = np.round(steps[steps > 0], 3)
    if not len(steps):
        return None
    values, counts = np.unique(steps, return_counts=True)
    return float(values[counts.argmax()])
