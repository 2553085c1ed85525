"""One label a text: accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgenets.tasks.metrics import Answers, equal_share


class TextLabels:
    """One label an item, when all of it is read: accuracy."""

    metric = "accuracy"

    def decide(self, answers: Answers) -> Sequence[int]:
        """See `Decisions.decide`."""
        return [int(item[-1].argmax()) for item in answers]

    def score(self, decided: Sequence[Any], targets: Sequence[Any]) -> float:
        """See `Decisions.score`."""
        return equal_share(decided, targets)

    def agreement(self, decided: Sequence[Any], others: Sequence[Any]) -> float:
        """See `Decisions.agreement`."""
        return equal_share(decided, others)
