"""Sentences and their translations on disk, in two layouts.

NAME.en[.gz] and NAME.de[.gz]    a sentence a line, and its translation in the same line
NAME.tsv[.gz]                    a line a pair: a sentence, a tab, its translation
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgenets.data.split import Split, split_of
from edgenets.errors import DataError
from edgenets.tasks.language.texts import read_text


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation."""

    source: str
    target: str

    def is_of(self, split: Split, validation: float) -> bool:
        """Whether a pair of the training files is kept for a split; a sentence is in one alone."""
        return split_of(self.source, validation, 0.0) == split


def read_pairs(root: Path, name: str, source: str, target: str) -> list[Pair]:
    """All pairs of a name in a folder; those with an empty side are left out.

    Args:
        name: of the files, such as `train`.
        source: ending of the file of sentences, such as `en`.
        target: ending of the file of translations.

    Raises:
        DataError: there are none, one is damaged or no UTF-8, or the files do not go together.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give one of {name}.{source} and {name}.{target}")
    listed = _found(root, f"{name}.tsv")
    if listed is not None:
        # A row that begins with a tab has an empty first side: rows are not stripped as a whole.
        rows = (line.removesuffix("\r") for line in _lines(listed))
        found = [_divided(listed, number, row) for number, row in enumerate(rows, 1)]
    else:
        found = _side_by_side(root, name, source, target)
    kept = [pair for pair in found if pair.source and pair.target]
    if not kept:
        raise DataError(f"{root}: {name} has no sentence with a translation")
    return kept


def _side_by_side(root: Path, name: str, source: str, target: str) -> list[Pair]:
    """The pairs of two files, a side each; see `read_pairs`."""
    first, second = (_found(root, f"{name}.{language}") for language in (source, target))
    if first is None or second is None:
        missing = source if first is None else target
        raise DataError(
            f"{root}: has neither {name}.{missing}, nor {name}.{missing}.gz, nor {name}.tsv"
        )
    one, other = ([line.strip() for line in _lines(file)] for file in (first, second))
    if len(one) != len(other):
        raise DataError(
            f"{first} has {len(one):,} lines and {second} {len(other):,}; a sentence and its "
            f"translation stand in lines of one number"
        )
    return [Pair(a, b) for a, b in zip(one, other, strict=True)]


def split_pairs(
    root: Path, split: Split, files: tuple[str, str], source: str, target: str, validation: float
) -> list[Pair]:
    """The pairs of a split; errors as `read_pairs`.

    A sentence of the test files that stands among those to train on as well is left out there.

    Args:
        files: names of the files to train on, a part of which is kept to choose by, and of those
            to test by.
        validation: that part.
    """
    tests = read_pairs(root, files[1], source, target)
    if split == "test":
        return tests
    known = {pair.source for pair in tests}
    pairs = read_pairs(root, files[0], source, target)
    return [p for p in pairs if p.is_of(split, validation) and p.source not in known]


def _found(root: Path, name: str) -> Path | None:
    return next((p for p in (root / name, root / f"{name}.gz") if p.is_file()), None)


def _divided(path: Path, number: int, line: str) -> Pair:
    source, tab, rest = line.partition("\t")
    if line.strip() and not tab:
        raise DataError(f"{path}, line {number}: a sentence, a tab and its translation are needed")
    return Pair(
        source.strip(), rest.split("\t")[0].strip()
    )  # lists on the network name authors behind


def _lines(path: Path) -> list[str]:
    """The lines of a text file."""
    # Not splitlines: a line separator within a sentence would put all others out of step.
    return read_text(path).removesuffix("\n").split("\n")
