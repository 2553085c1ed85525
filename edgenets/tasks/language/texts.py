"""Texts on disk: a long one to go on with, or short ones with labels, in four layouts.

LABEL.txt        a text a line
LABEL/*.txt      a text a file
texts.tsv        a line a text: its label and, after a tab, itself
*.csv, *.tsv, *.jsonl   a table with columns of texts and labels; see `texttable`
"""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenets.data.layouts import unknown_layout
from edgenets.data.split import Split, split_of
from edgenets.errors import DataError
from edgenets.tasks.language import texttable

LISTED = "texts.tsv"

# An example of each layout, for who has another.
LAYOUTS = (
    "positive.txt         a text a line; another file for each label",
    "positive/0001.txt    a text a file; a folder for each label",
    "texts.tsv            positive<TAB>a fine film",
    'reviews.csv          text,label and then "a fine film",positive (.tsv: with tabs)',
    'reviews.jsonl        {"text": "a fine film", "label": "positive"}',
)

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# A file that is longer is no text that a compact network is trained on.
_LARGEST = 1 << 30  # bytes


@dataclass(frozen=True)
class LabelledText:
    """One text, and what it is."""

    text: str
    label: str

    def split(self, validation: float, test: float) -> Split:
        """The split that it belongs to; a text that is there twice is in one alone."""
        return split_of(self.text, validation, test)


def _from_utf16(data: bytes, path: Path) -> bytes:
    """A text that says that it is UTF-16, in UTF-8."""
    try:
        return data.decode("utf-16").encode()
    except UnicodeError as exc:
        raise DataError(f"{path}: begins as UTF-16 and is none: {exc}") from exc


def read_text(path: Path) -> str:
    """A text file, which may be compressed (.gz).

    Raises:
        DataError: it cannot be read, is too large, or is no UTF-8.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as exc:
        why = getattr(exc, "strerror", None) or exc
        raise DataError(f"{path}: cannot be read: {why}") from exc
    if len(data) > _LARGEST:
        raise DataError(f"{path}: more than {_LARGEST >> 20} MB; divide it")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = _from_utf16(data, path)
    if b"\0" in data:
        raise DataError(f"{path}: has bytes of zero at {data.index(0)}: it is no text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise DataError(
            f"{path}: byte {exc.start} is no UTF-8; convert it, as by `iconv -t UTF-8`"
        ) from exc


def read_corpus(root: Path, files: str) -> str:
    """The text of a file, or of all those of a folder whose names match, one after another.

    Raises:
        DataError: there are none, or one cannot be read.
    """
    if root.is_file():
        return _clean(root)
    found = sorted(path for path in root.glob(files) if path.is_file())
    if not found:
        raise DataError(f"{root}: has no {files}; see [data] files in the recipe")
    return "".join(map(_clean, found))


def _clean(path: Path) -> str:
    """A text file with lines that end in one way.

    Raises:
        DataError: there are characters in it that steer a terminal: no model is to write them.
    """
    text = read_text(path).replace("\r\n", "\n")
    found = _STEERING.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise DataError(
            f"{path}, line {line}: the control character U+{ord(found[0]):04X}; take it out, or "
            f"convert the file from the encoding that it was written in"
        )
    return text


def split_text(text: str, split: Split, validation: float, test: float) -> str:
    """The part of a long text that a split is: the test part is its end, as training has it."""
    last = len(text) - int(test * len(text))
    middle = last - int(validation * len(text))
    parts = {"train": slice(middle), "validation": slice(middle, last), "test": slice(last, None)}
    return text[parts[split]]


def find_texts(
    root: Path,
    labels: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[LabelledText]:
    """All texts below a folder, or of a table, in the order of their labels and files.

    Args:
        labels: take these alone; None takes all that there are.
        columns: of a table: those of the texts and of the labels, by name or by number from 1;
            None: found.
        say: given how tables are read, and how many of their rows cannot be.

    Raises:
        DataError: the folder is missing, laid out in none of these ways, or has no text of a
            label.
    """
    if not root.exists():
        raise DataError(f"{root}: no such folder; give one of texts with labels, or a table")
    found = _found(root, labels, columns, say)
    known = {item.label for item in found}
    if labels is not None and (missing := [label for label in labels if label not in known]):
        raise DataError(f"{root}: has no texts of {', '.join(missing)}")
    chosen = [item for item in found if labels is None or item.label in labels]
    if not chosen:
        why = f"has neither {LISTED}, nor LABEL.txt, nor LABEL/*.txt, nor a table"
        raise DataError(unknown_layout(root, why, LAYOUTS))
    return chosen


def _found(
    root: Path,
    labels: Sequence[str] | None,
    columns: Sequence[str] | None,
    say: Callable[[str], None],
) -> list[LabelledText]:
    listed = root / LISTED
    if listed.is_file() and columns is None and not _has_header(listed):
        return list(_listed(listed))
    tables = sorted(filter(texttable.is_table, [root] if root.is_file() else root.iterdir()))
    filed = root.is_dir() and columns is None
    found = list(_filed(root, labels)) if filed else []
    # One text file alone is no set of labels; beside a table it is a README.
    if not tables or len({item.label for item in found}) > 1:
        return found
    if len(tables) > 1:
        say(f"{root}: {len(tables)} tables are read as one: {', '.join(t.name for t in tables)}")
    return [text for table in tables for text in _tabled(table, labels, columns, say)]


def _tabled(
    path: Path,
    labels: Sequence[str] | None,
    columns: Sequence[str] | None,
    say: Callable[[str], None],
) -> list[LabelledText]:
    rows = texttable.read_table(path, read_text(path), labels, columns, say)
    return [LabelledText(text, label) for text, label in rows]


def _has_header(path: Path) -> bool:
    """Whether a list begins with names of columns, and so is a table."""
    first = read_text(path).partition("\n")[0].casefold().split("\t")
    names = [cell.strip() for cell in first]
    return any(n in texttable.TEXTS for n in names) and any(n in texttable.LABELS for n in names)


def _listed(path: Path) -> Iterator[LabelledText]:
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        label, tab, text = line.partition("\t")
        if not tab or not label.strip() or not text.strip():
            raise DataError(f"{path}, line {number}: a label, a tab and a text are needed")
        yield LabelledText(text.strip(), label.strip())


def _filed(root: Path, labels: Sequence[str] | None) -> Iterator[LabelledText]:
    for path in sorted(root.iterdir()):
        label = path.stem if path.is_file() else path.name
        if path.name.startswith(".") or (labels is not None and label not in labels):
            continue
        if path.suffix == ".txt" and path.is_file():
            lines = (line.strip() for line in read_text(path).splitlines())
            yield from (LabelledText(line, label) for line in lines if line)
        elif path.is_dir():
            whole = (read_text(file).strip() for file in sorted(path.glob("*.txt")))
            yield from (LabelledText(text, label) for text in whole if text)
