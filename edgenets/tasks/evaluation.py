"""What an evaluation comes to, whatever the task, and what several tasks need for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from edgenets.arrays import Array
from edgenets.errors import DataError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Table:
    """Something to show."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Evaluation:
    """The figures of a model over labeled data, for programs and for people."""

    metric: str
    value: float  # of the metric
    n: int  # items
    line: str  # the result in words
    figures: Mapping[str, Any] = field(default_factory=dict)  # all of them, as JSON has them
    columns: tuple[str, ...] = ()  # of a table
    rows: tuple[tuple[str, ...], ...] = ()
    notices: tuple[str, ...] = ()  # what of the data was left out, and why
    more: tuple[Table, ...] = ()  # further tables


def some(found: Sequence[Item], data: Path, split: str | None) -> Sequence[Item]:
    """What was found, if anything was.

    Raises:
        DataError: nothing was.
    """
    if not found:
        raise DataError(f"{data}: nothing in it belongs to the {split} split")
    return found


def confusion_of(
    targets: Sequence[int] | Array, decided: Sequence[int] | Array, labels: int
) -> tuple[tuple[int, ...], ...]:
    """How often each label was decided for each: a row the truth, a column the decision."""
    matrix = np.zeros((labels, labels), np.int64)
    np.add.at(matrix, (np.asarray(targets), np.asarray(decided)), 1)
    return tuple(tuple(int(n) for n in row) for row in matrix)


def rows_by_label(
    labels: Sequence[str], confusion: Sequence[Sequence[int]]
) -> tuple[tuple[str, ...], ...]:
    """How many of each label were right, for a table."""
    rows = []
    for i, label in enumerate(labels):
        right, there = confusion[i][i], sum(confusion[i])
        rows.append((label, str(there), str(right), f"{right / there:.1%}" if there else "–"))
    return tuple(rows)
