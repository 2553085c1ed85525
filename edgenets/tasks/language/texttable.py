"""Tables of texts with labels: CSV, TSV and JSON lines, with a header or without.

The delimiter is found by the extension and the rows, the columns by their names or by what is in
them. What was found is said; where two readings are equally likely neither is taken.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgenets.errors import DataError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson")

# What columns are usually called, in small letters.
TEXTS = (
    "text",
    "texts",
    "sentence",
    "review",
    "message",
    "comment",
    "content",
    "utterance",
    "query",
    "body",
    "document",
    "tweet",
    "title",
    "phrase",
    "question",
    "input",
)
LABELS = (
    "label",
    "labels",
    "class",
    "category",
    "sentiment",
    "target",
    "intent",
    "topic",
    "tag",
    "polarity",
    "emotion",
    "label_name",
    "output",
    "y",
)

# Rows by which the delimiter is found.
_HEAD = 1000

# A column has labels where so many texts share one, on average.
_SHARED = 3

# Where more rows than this cannot be read, the table is read in a wrong way.
_BAD = 0.1
_SHOWN = 3

HOW = "name them: --columns TEXT,LABEL, or columns = ['TEXT', 'LABEL'] in the recipe's [data]"


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    line: int  # from 1
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """Which columns have the texts and the labels, from 0."""

    text: int
    label: int
    header: bool  # whether the first row is no data
    how: str  # how they were found


def is_table(path: Path) -> bool:
    """Whether a file is called as a table is; it may be compressed."""
    name = path.name[: -len(".gz")] if path.suffix == ".gz" else path.name
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def read_table(
    path: Path,
    content: str,
    labels: Sequence[str] | None,
    columns: Sequence[str] | None,
    say: Callable[[str], None],
) -> Iterator[tuple[str, str]]:
    """The texts of a table, each with its label.

    Args:
        content: of the file.
        labels: those of the model; None: not known.
        columns: of the texts and of the labels, by name or by number from 1; None: found.
        say: given what was found, and what could not be read.

    Raises:
        DataError: the columns are not to be found, or too many rows cannot be read.
    """
    name = path.name.lower().removesuffix(".gz")
    lines = name.endswith((".jsonl", ".ndjson"))
    rows, form = _json_rows(path, content) if lines else _rows(name, content, labels, columns)
    if not rows:
        raise DataError(f"{path}: has no rows")
    found = _columns(path, rows, labels, columns)
    texts, bad = _texts(rows, found, lines)
    shown = "; ".join(bad[:_SHOWN]) + ("; …" if len(bad) > _SHOWN else "")
    count = len(rows) - found.header
    if len(bad) > _BAD * count:
        raise DataError(f"{path}: {len(bad):,} of {count:,} rows cannot be read: {shown}")
    say(f"{path.name}: {len(texts):,} texts, {form}; {found.how}")
    if bad:
        say(f"{path.name}: {len(bad):,} of {count:,} rows are left out: {shown}")
    yield from texts


def _texts(rows: list[Row], found: Columns, lines: bool) -> tuple[list[tuple[str, str]], list[str]]:
    """Texts with labels, and why other rows are none; rows of JSON lines are all as wide."""
    texts, bad = list[tuple[str, str]](), list[str]()
    width = Counter(len(row.cells) for row in rows).most_common(1)[0][0]
    for row in rows[found.header :]:
        if len(row.cells) <= max(found.text, found.label) or (
            len(row.cells) != width and not lines
        ):
            bad.append(f"line {row.line}: {len(row.cells)} cells, not {width}")
            continue
        text, label = row.cells[found.text].strip(), row.cells[found.label].strip()
        if text and label:
            texts.append((text, label))
        else:
            bad.append(f"line {row.line}: no {'label' if text else 'text'}")
    return texts, bad


def _rows(
    name: str, content: str, labels: Sequence[str] | None, columns: Sequence[str] | None
) -> tuple[list[Row], str]:
    """The rows of a table with a delimiter, and what that is; quoting is 0 (CSV) or 3 (none)."""
    delimiters = "\t,;|" if name.endswith(".tsv") else ",;\t|"
    head = "\n".join(content.splitlines()[: _HEAD + 1])
    tried = [(delimiter, _quoting(head, delimiter)) for delimiter in delimiters]
    delimiter, quoting = max(
        tried, key=lambda way: _likely(_parsed(head, *way)[:_HEAD], labels, columns)
    )
    shown = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}[delimiter]
    return _parsed(content, delimiter, quoting), f"cells between {shown}"


def _quoting(head: str, delimiter: str) -> Literal[0, 3]:
    """Quotes are text where they would swallow lines that are whole rows without them."""
    rows = _parsed(head, delimiter, 3)
    return 3 if _fit(rows) == 1.0 and len(_parsed(head, delimiter, 0)) < len(rows) else 0


def _likely(
    rows: list[Row], labels: Sequence[str] | None, columns: Sequence[str] | None
) -> tuple[float, float, bool, int]:
    """How likely a delimiter is: rows of one width, whole quotes, known columns, few labels."""
    fit = round(_fit(rows), 1)
    cells = [cell for row in rows for cell in row.cells]
    quotes = 1.0 - round(sum(cell.count('"') % 2 for cell in cells) / max(1, len(cells)), 1)
    if not fit:
        return 0.0, 0.0, False, 0
    try:
        found = _columns(Path(), rows, labels, columns)
    except DataError:
        return fit, quotes, False, 0
    width = max(found.text, found.label)
    values = {r.cells[found.label] for r in rows if len(r.cells) > width}
    return fit, quotes, True, -len(values)


def _fit(rows: list[Row]) -> float:
    """The part of rows that have the usual number of cells, if that is more than one."""
    widths = Counter(len(row.cells) for row in rows)
    width, count = widths.most_common(1)[0] if widths else (0, 0)
    return count / len(rows) if width > 1 else 0.0


def _parsed(content: str, delimiter: str, quoting: Literal[0, 3]) -> list[Row]:
    reader = csv.reader(
        io.StringIO(content, newline=""),
        delimiter=delimiter,
        quoting=quoting,
        skipinitialspace=delimiter != "\t",
    )
    rows, begins = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(begins, tuple(cells)))
            begins = reader.line_num + 1
    except csv.Error:  # a cell of more than 128 KB: a quote that does not end
        return []
    return rows


def _json_rows(path: Path, content: str) -> tuple[list[Row], str]:
    """JSON lines as a table whose first row is made of the keys."""
    records: list[tuple[int, dict[str, object]]] = []
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise DataError(f"{path}, line {number}: not valid JSON: {exc}") from exc
        if not isinstance(found, dict):
            raise DataError(f'{path}, line {number}: an object is needed, as {{"text": "…", …}}')
        records.append((number, found))
    keys = tuple(dict.fromkeys(key for _, record in records for key in record))
    rows = [Row(n, tuple(_cell(record.get(key)) for key in keys)) for n, record in records]
    return [Row(0, keys), *rows] if rows else [], "JSON lines"


def _cell(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _columns(
    path: Path, rows: list[Row], labels: Sequence[str] | None, columns: Sequence[str] | None
) -> Columns:
    if columns is not None:
        return _given(path, rows[0], columns)
    return _named(path, rows[0]) or _by_content(path, rows, labels)


def _named(path: Path, row: Row) -> Columns | None:
    """By the names in the first row; None where it has none that is known."""
    first = [cell.strip() for cell in row.cells]
    text, label = _places(first, TEXTS), _places(first, LABELS)
    if len(first) == 2 and len(text) + len(label) == 1:  # one of two is enough
        text, label = text or [1 - label[0]], label or [1 - text[0]]
    if len(text) == len(label) == 1:
        how = f"texts from column '{first[text[0]]}', labels from '{first[label[0]]}'"
        return Columns(text[0], label[0], True, how)
    if text or label or row.line == 0:
        raise DataError(
            f"{path}: which of the columns {', '.join(first)} have the texts and the labels? {HOW}"
        )
    return None


def _places(names: list[str], known: Sequence[str]) -> list[int]:
    return [place for place, name in enumerate(names) if name.casefold() in known]


def _given(path: Path, row: Row, columns: Sequence[str]) -> Columns:
    first = [cell.strip() for cell in row.cells]
    folded = [cell.casefold() for cell in first]
    if len(columns) != 2:
        raise DataError(f"columns: two are needed, of the texts and of the labels, not {columns}")
    places, named = list[int](), row.line == 0
    for column in columns:
        if column.casefold() in folded:
            places.append(folded.index(column.casefold()))
            named = True
        elif column.isdecimal() and 1 <= int(column) <= len(first):
            places.append(int(column) - 1)
        else:
            raise DataError(
                f"{path}: has no column '{column}'; its first row is {', '.join(first)}"
            )
    header = named or any(name in (*TEXTS, *LABELS) for name in folded)
    return Columns(places[0], places[1], header, f"columns {', '.join(columns)} as given")


def _by_content(path: Path, rows: list[Row], labels: Sequence[str] | None) -> Columns:
    """Of two columns without a known name, that which has labels: few that come again and again."""
    if len(rows[0].cells) != 2:
        raise DataError(
            f"{path}: {len(rows[0].cells)} columns and no names that are known; the first row is "
            f"{', '.join(rows[0].cells)}; {HOW} (numbers count from 1)"
        )
    body = [row for row in rows[1:] or rows if len(row.cells) == 2]
    values = [{row.cells[i].strip() for row in body} for i in (0, 1)]
    fits = [_are_labels(found, len(body), labels) for found in values]
    if fits[0] == fits[1]:
        raise DataError(
            f"{path}: no header with known names, and either column may have the labels; {HOW} "
            f"(or 1,2 by number)"
        )
    label = fits.index(True)
    known = values[label] if labels is None else set(labels)
    header = len(rows) > 1 and rows[0].cells[label].strip() not in known
    how = f"texts from column {2 - label}, labels from {label + 1}, for those come again"
    return Columns(1 - label, label, header, how + (", without the header" if header else ""))


def _are_labels(values: set[str], rows: int, labels: Sequence[str] | None) -> bool:
    """Whether these are labels that are known, or few that come again."""
    if labels is not None:
        return bool(values) and values <= set(labels)
    return 1 < len(values) <= rows / _SHARED
