"""The head of a table under one delimiter, and which delimiter is the likeliest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgenets.tasks.series.cells import cells_of
from edgenets.tasks.series.columns import named_times
from edgenets.tasks.series.dateformats import Ambiguous
from edgenets.tasks.series.numbers import Mark, decimal_of, is_missing, reads
from edgenets.tasks.series.tableformat import TableFormat
from edgenets.tasks.series.times import is_dated, is_time_of_day

# Lines among which a header is looked for: what devices write before a table is shorter.
_MOST_BEFORE = 50


@dataclass(frozen=True)
class Candidate:
    """The head of a table under one delimiter."""

    delimiter: str | None  # None: a cell a line
    decimal: Mark | None  # None: both marks read it
    rows: list[list[str]]  # all that are no comment
    first: int  # of `rows`: the first that is a reading
    header: int | None  # of `rows`
    width: int  # cells of a reading
    understood: int  # cells of readings that are numbers or times
    cells: int  # of readings

    @property
    def names(self) -> list[str] | None:
        """The header's cells; None: there is none."""
        return None if self.header is None else self.rows[self.header][: self.width]

    @property
    def readings(self) -> list[list[str]]:
        """The rows of the table's width."""
        return [row[: self.width] for row in self.rows[self.first :] if _fits(row, self.width)]

    @property
    def perfect(self) -> bool:
        """Whether all of every row is understood."""
        return self.understood == self.cells > 0 and self.even

    @property
    def even(self) -> bool:
        """Whether every row has the table's width."""
        return len(self.readings) == len(self.rows[self.first :])

    @property
    def torn(self) -> bool:
        """Whether no row is as wide as its header."""
        return self.header is not None and self.width > 1 and not self.readings

    @property
    def headed(self) -> bool:
        """Whether a header names times and more, and every row has as many cells, of numbers.

        Its times may be written as nobody knows; spaces within them are no delimiters all the same.
        """
        times = named_times(self.names or [], None)
        numbers = [cell for row in self.readings for at, cell in enumerate(row) if at not in times]
        return (
            bool(times)
            and bool(numbers)
            and self.even
            and all(reads(cell, self.decimal or ".") or is_missing(cell) for cell in numbers)
        )

    @property
    def likelihood(self) -> tuple[float, ...]:
        """To be compared with another's."""
        each = self.understood / max(1, len(self.rows) - self.first)
        # Dates with names of months are full of spaces; another delimiter that serves is likelier.
        serves = each >= 2 and self.delimiter != " "
        named, single = self.header is not None, self.delimiter is None
        known = self.understood / max(1, self.cells)
        return (self.perfect, self.headed, serves, each, known, named, single, -self.width)

    def serves(self, columns: Sequence[str]) -> bool:
        """Whether it has the columns that are needed, by name or by their number."""
        if self.names is not None:
            return set(columns) <= set(self.names)
        return len(columns) <= self.width <= len(columns) + 2


def candidate(
    texts: list[str], delimiter: str | None, wanted: TableFormat, columns: Sequence[str] | None
) -> Candidate | None:
    """The head under one delimiter; None: it has no reading so.

    Args:
        texts: lines of the head that are no comments.
        columns: that are needed; None: all that are numbers.
    """
    if delimiter == wanted.decimal == ",":
        return None
    rows = [cells_of(text, delimiter) for text in texts]
    header = _header(rows, columns)
    start = 0 if header is None else header + 1
    first = next((i for i in range(start, len(rows)) if any(map(is_understood, rows[i]))), None)
    if first is None:
        return None
    width = _width(rows[first:])
    if header is None:
        header = _nearest(rows, first, width)
    if header is not None:
        rows[header] = _widened(rows[header], rows[first:], width)
        width = _named(rows[header])
    return _counted(Candidate(delimiter, None, rows, first, header, width, 0, 0), wanted)


def _counted(one: Candidate, wanted: TableFormat) -> Candidate:
    """The same, with its decimal mark and how much of it is understood."""
    cells = [cell for row in one.readings for cell in row]
    decimal: Mark | None = "," if wanted.decimal == "," else "."
    if wanted.decimal is None:
        decimal = decimal_of(cells, one.delimiter)
    understood = sum(_is_known(cell, decimal or ".") for cell in cells)
    count = sum(map(len, one.rows[one.first :]))
    return replace(one, decimal=decimal, understood=understood, cells=count)


def likeliest(candidates: list[Candidate], columns: Sequence[str] | None) -> Candidate:
    """The one under which the most is understood; of those that are as likely as each other none.

    Raises:
        Ambiguous: a comma is a delimiter or a decimal mark, or no line is as wide as the header.
    """
    if columns is not None:
        candidates = [one for one in candidates if one.serves(columns)] or candidates
    best = _single(candidates) or max(candidates, key=lambda one: one.likelihood)
    if not best.perfect:
        torn = (one for one in candidates if one.torn)
        best = next(torn, best)
    if not best.readings:
        raise Ambiguous(
            f"{len(best.rows[best.first])} cells where the header has {best.width}; where numbers "
            f"have a decimal comma the delimiter must be another character, or they stand in quotes"
        )
    return best


def _single(candidates: list[Candidate]) -> Candidate | None:
    """The one of lines that may be a number with a decimal comma each; None: they are not.

    Raises:
        Ambiguous: the comma may be a delimiter as well.
    """
    known = {one.delimiter: one for one in candidates}
    single, comma = known.get(None), known.get(",")
    if single is None or not single.perfect or single.decimal == ".":
        return None
    if comma is None or (comma.header is None and not comma.perfect):
        return single
    if comma.header is not None:
        return comma
    if single.header is not None:
        return single
    raise Ambiguous(
        f"{single.rows[single.first][0][:40]!r} may be a number with a decimal comma or "
        f"{comma.width} columns; --decimal , or --delimiter , says which"
    )


def is_understood(cell: str) -> bool:
    """Whether a cell is a number, with whatever mark, or a time."""
    return reads(cell, ".") or reads(cell, ",") or _is_time(cell)


def _is_known(cell: str, decimal: Mark) -> bool:
    return reads(cell, decimal) or is_missing(cell) or _is_time(cell)


def _is_time(cell: str) -> bool:
    return bool(cell) and (is_time_of_day(cell) or is_dated(cell))


def _header(rows: list[list[str]], columns: Sequence[str] | None) -> int | None:
    """The row that names a column of times, or all of the columns that are needed."""
    for i, row in enumerate(rows[:_MOST_BEFORE]):
        if columns and set(columns) <= set(row):
            return i
        if named_times(row, columns) and not any(map(_is_time, row)):
            return i
    return None


def _nearest(rows: list[list[str]], first: int, width: int) -> int | None:
    """The row before the first reading, where it has as many names.

    Args:
        width: cells of a row without what is empty at the end of all of them, which a header
            may name.
    """
    if not first:
        return None
    longest = max(width, Counter(map(len, rows[first:])).most_common(1)[0][0])
    return first - 1 if width <= _named(rows[first - 1]) <= longest else None


def _width(rows: list[list[str]]) -> int:
    """How many cells most rows have, without what is empty at the end of all of them."""
    width, _ = Counter(map(len, rows)).most_common(1)[0]
    while width > 1 and not any(row[width - 1] for row in rows if len(row) >= width):
        width -= 1
    return width


def _named(header: list[str]) -> int:
    """How many cells a header has, without empty ones at its end."""
    return next((i for i in range(len(header), 0, -1) if header[i - 1]), 1)


def _widened(header: list[str], rows: list[list[str]], width: int) -> list[str]:
    """A header whose one name stands for two cells: a date, a space and a time of day."""
    places = named_times(header, None)
    if not places or _named(header) + 1 != width:
        return header
    at = places[0]
    both = [row for row in rows if len(row) == width]
    if not all(is_dated(row[at]) and is_time_of_day(row[at + 1]) for row in both):
        return header
    return [*header[: at + 1], "", *header[at + 1 :]]


def _fits(row: list[str], width: int) -> bool:
    """Whether a row has so many cells, but for empty ones at its end."""
    return len(row) >= width and not any(row[width:])
