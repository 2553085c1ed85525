"""One label a text: accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from edgenets.tasks.metrics import Answers, Choices


class TextLabels(Choices):
    """One label an item, when all of it is read: accuracy."""

    def decide(self, answers: Answers) -> Sequence[int]:
        """See `Decisions.decide`."""
        return [int(item[-1].argmax()) for item in answers]
