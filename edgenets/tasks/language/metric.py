"""What comes next in a text: nats a token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgenets.metrics import NATS
from edgenets.tasks.language.likelihood import nats
from edgenets.tasks.metrics import Answers


class NextTokens:
    """What comes next, at every step of an item: nats a token."""

    metric = NATS.name

    def decide(self, answers: Answers) -> Answers:
        """See `Decisions.decide`: all scores count, not the best alone."""
        return answers

    def score(self, decided: Sequence[Any], targets: Sequence[Any]) -> float:
        """See `Decisions.score`."""
        return float(np.mean(np.concatenate(
            [nats(logits, tokens) for logits, tokens in zip(decided, targets, strict=True)]
        )))  # fmt: skip

    def agreement(self, decided: Sequence[Any], others: Sequence[Any]) -> float:
        """See `Decisions.agreement`: of the likeliest tokens."""
        return float(np.mean(np.concatenate(
            [a.argmax(axis=-1) == b.argmax(axis=-1) for a, b in zip(decided, others, strict=True)]
        )))  # fmt: skip
