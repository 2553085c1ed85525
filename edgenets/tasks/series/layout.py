"""How a table is laid out: found from its head, not from one line.

Every delimiter is tried on all lines of the head. The one under which most cells are numbers or
times is taken; where two readings are equally likely, none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgenets.errors import DataError
from edgenets.tasks.series.candidates import Candidate, candidate, is_understood, likeliest
from edgenets.tasks.series.cells import cells_of, is_comment, separator_line
from edgenets.tasks.series.columns import Columns, Names, find_columns, is_time_name, named_times
from edgenets.tasks.series.dateformats import Ambiguous
from edgenets.tasks.series.numbers import Mark, is_missing, reads
from edgenets.tasks.series.tableformat import TableFormat
from edgenets.tasks.series.times import Times, is_descending

# Lines that are looked at. A table in which they leave a question is looked at further.
HEAD = 200

# None: a cell a line.
_DELIMITERS = (",", ";", "\t", "|", " ", None)

# A record of more columns is no table that a compact network reads.
MOST_COLUMNS = 10_000

_SHOWN = {"\t": "tab", " ": "space"}


class Undecided(Ambiguous):
    """There are too few lines to say anything yet."""


@dataclass(frozen=True)
class Layout:
    """How the lines of a table become cells, and cells readings."""

    delimiter: str | None  # None: a cell a line
    decimal: Mark
    width: int  # cells of a line
    header: tuple[str, ...] | None  # its cells; None: there is none
    first: int  # line of the head that is the first reading, from 0
    columns: Columns
    newest_first: bool
    guesses: tuple[str, ...]  # what was found and is not the usual, in words

    @property
    def begins(self) -> str | None:
        """The first cell of its header."""
        return self.header[0] if self.header else None

    def is_header(self, cells: list[str]) -> bool:
        """Whether a row is the header once more."""
        return self.header is not None and tuple(cells) == self.header


@dataclass(frozen=True)
class _Head:
    """The lines of a head that are no comments."""

    lines: Sequence[str]  # all of them
    places: list[int]  # of `lines`
    texts: list[str]
    delimiters: tuple[str | None, ...]  # that may be theirs

    @classmethod
    def of(cls, lines: Sequence[str], wanted: TableFormat) -> _Head:
        """What may be a header or a reading."""
        named = [separator_line(line) for line in lines]
        places = [
            i
            for i, line in enumerate(lines)
            if line.strip() and not is_comment(line) and named[i] is None
        ]
        known = wanted.delimiter or next(filter(None, named[:3]), None)
        texts = [lines[i].strip("\r\n") for i in places]
        return cls(lines, places, texts, (known,) if known else _DELIMITERS)


def find_layout(
    lines: Sequence[str], wanted: TableFormat, columns: Sequence[str] | None, times: Times
) -> Layout:
    """The layout of a table by the lines of its head.

    Args:
        wanted: what is said, and not to be found.
        columns: that are needed; None: all that are numbers.
        times: learns how times are to be read.

    Raises:
        Undecided: there is no reading among the lines yet.
        Ambiguous: two layouts are equally likely.
        DataError: a column that is needed is not there, or there are too many.
    """
    head = _Head.of(lines, wanted)
    if not head.texts:
        raise Undecided("no line but comments yet")
    tried = [candidate(head.texts, d, wanted, columns) for d in head.delimiters]
    candidates = [one for one in tried if one is not None]
    if not candidates:
        _check_names(head)
        raise Undecided(f"no reading yet; {head.texts[0][:40]!r} may be a header")
    best = likeliest(candidates, columns)
    _check_width(best.width)
    if best.decimal is None:
        cell = next(c for row in best.readings for c in row if "," in c and reads(c, ","))
        raise Ambiguous(
            f"{cell!r} may have a decimal comma or thousands apart; --decimal , or --decimal . "
            f"says which"
        )
    return _finished(best, best.decimal, head, Names(columns, times))


def find_header(lines: Sequence[str], columns: Sequence[str] | None, wanted: TableFormat) -> None:
    """Look at a table that has no more than a header.

    Raises:
        DataError: it lacks a column that is needed, or names none.
    """
    head = _Head.of(lines, wanted)
    if not head.texts:
        return
    rows = [cells_of(head.texts[0], delimiter) for delimiter in head.delimiters]
    names = max(rows, key=len)
    if not all(map(is_missing, names)):
        find_columns(names, [], ".", Names(columns, Times()))


def _finished(best: Candidate, decimal: Mark, head: _Head, names: Names) -> Layout:
    header, readings, first = best.names, best.readings, head.places[best.first]
    if header is None:
        header = _commented(head.lines[:first], best)
    found = find_columns(header, readings, decimal, names)
    stamps = list(map(found.time, readings)) if found.times else []
    names.times.learn(stamps)
    guesses = [*_marks(best, decimal), *(["no header"] if header is None else [])]
    guesses += [*_times(header, found, names.times), *found.notices]
    before = best.first - (best.header is not None)
    if before:
        guesses.append(f"{before} line{'s' if before > 1 else ''} before the table left out")
    newest_first = _newest_first(stamps, names.times)
    named = None if header is None else tuple(header)
    return Layout(
        best.delimiter, decimal, best.width, named, first, found, newest_first, tuple(guesses)
    )


def _marks(best: Candidate, decimal: Mark) -> list[str]:
    """The delimiter and the decimal mark, in words; nothing of usual ones."""
    guesses = []
    if best.delimiter not in (",", None):
        guesses.append(f"delimiter {_SHOWN.get(best.delimiter, repr(best.delimiter))}")
    return [*guesses, "decimal comma"] if decimal == "," else guesses


def _times(header: list[str] | None, found: Columns, times: Times) -> list[str]:
    """Which columns are times, and how they are read; nothing of one that is as usual."""
    how = times.described()
    if not found.times or (found.named and not how and len(found.times) == 1):
        return []
    if header is None:
        where = [f"column {i + 1}" for i in found.times]
    else:
        where = [repr(header[i]) for i in found.times if header[i]]
    return [f"{how or 'times'} in {' and '.join(where)}"]


def _newest_first(stamps: list[str], times: Times) -> bool:
    known = []
    for stamp in stamps:
        try:
            known.append(times.parse(stamp))
        except DataError:
            continue
    return is_descending(known)


def _commented(lines: Sequence[str], best: Candidate) -> list[str] | None:
    """A header that stands in the last comment before the readings."""
    above = next((line for line in reversed(lines) if line.strip()), "")
    if not is_comment(above):
        return None
    names = cells_of(above.strip().lstrip("# "), best.delimiter)
    if len(names) != best.width or any(map(is_understood, names)) or not all(names):
        return None
    # A comment of one word is no name of a column, unless it names a time.
    return names if best.width > 1 or named_times(names, None) else None


def _check_names(head: _Head) -> None:
    """Whether a lone header may be one.

    Raises:
        DataError: it has too many columns, or none of values.
    """
    cells = max((cells_of(head.texts[0], d) for d in head.delimiters), key=len)
    _check_width(len(cells))
    if all(map(is_time_name, cells)):
        raise DataError("the header names no column of values")


def _check_width(width: int) -> None:
    if width > MOST_COLUMNS:
        raise DataError(f"{width:,} columns; {MOST_COLUMNS:,} are the most")
