"""What comes next in a text: nats a token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgenets.metrics import NATS
from edgenets.tasks.language.likelihood import nats
from edgenets.tasks.metrics import Answers


class NextTokens:
    """What comes next, at every step of an item: nats a token."""

    metric = NATS.name

    def decide(self, answers: Answers) -> Answers:
        """See `Decisions.decide`: all scores count, not the best alone."""
        return answers

    def score(self, decided: Answers, targets: Sequence[NDArray[np.int32]]) -> float:
        """See `Decisions.score`."""
        found = [nats(logits, tokens) for logits, tokens in zip(decided, targets, strict=True)]
        return float(np.mean(np.concatenate(found)))

    def agreement(self, decided: Answers, others: Answers) -> float:
        """See `Decisions.agreement`: of the likeliest tokens."""
        pairs = zip(decided, others, strict=True)
        same = [a.argmax(axis=-1) == b.argmax(axis=-1) for a, b in pairs]
        return float(np.mean(np.concatenate(same)))
