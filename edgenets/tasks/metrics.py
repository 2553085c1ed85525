"""What scores of a sequence come to: the protocol of decisions, and what several tasks share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Answers = Sequence[NDArray[np.float32]]  # (steps, scores) of each item


class Decisions(Protocol):
    """How one task judges."""

    metric: str  # what `score` is called

    def decide(self, answers: Answers) -> Sequence[object]:
        """The decision of each item."""
        ...

    def score(self, decided: Sequence[Any], targets: Sequence[Any]) -> float:
        """The task's metric."""
        ...

    def agreement(self, decided: Sequence[Any], others: Sequence[Any]) -> float:
        """The part of the decisions that are the same, 0…1."""
        ...


class Choices:
    """The part of `Decisions` of one label an item: accuracy."""

    metric = "accuracy"

    def score(self, decided: Sequence[object], targets: Sequence[object]) -> float:
        """See `Decisions.score`."""
        return equal_share(decided, targets)

    def agreement(self, decided: Sequence[object], others: Sequence[object]) -> float:
        """See `Decisions.agreement`."""
        return equal_share(decided, others)


def same_part(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """The part of what is wanted that is the same, on the mean, 0…1."""
    size = max(np.abs(wanted).mean(), 1e-12)
    return max(0.0, 1.0 - float(np.abs(found - wanted).mean() / size))


def equal_share(found: Sequence[object], others: Sequence[object]) -> float:
    """The part of the decisions that are the same."""
    return float(np.mean([a == b for a, b in zip(found, others, strict=True)]))
