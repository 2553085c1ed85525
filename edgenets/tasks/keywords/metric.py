"""One word a clip: accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgenets.tasks.keywords import decoding
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.metrics import Answers, equal_share


class Words:
    """One word an item: accuracy."""

    metric = "accuracy"

    def __init__(self, spec: KeywordSpec) -> None:
        self._smoothing = spec.decoding.smoothing

    def decide(self, answers: Answers) -> Sequence[int]:
        """See `Decisions.decide`."""
        logits = np.stack(answers)
        best: list[int] = decoding.clip_posteriors(logits, self._smoothing).argmax(axis=-1).tolist()
        return best

    def score(self, decided: Sequence[Any], targets: Sequence[Any]) -> float:
        """See `Decisions.score`."""
        return equal_share(decided, targets)

    def agreement(self, decided: Sequence[Any], others: Sequence[Any]) -> float:
        """See `Decisions.agreement`."""
        return equal_share(decided, others)
