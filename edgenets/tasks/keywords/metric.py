"""One word a clip: accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgenets.tasks.keywords import decoding
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.metrics import Answers, Choices


class Words(Choices):
    """One word an item: accuracy."""

    def __init__(self, spec: KeywordSpec) -> None:
        self._smoothing = spec.decoding.smoothing

    def decide(self, answers: Answers) -> Sequence[int]:
        """See `Decisions.decide`."""
        logits = np.stack(answers)
        best: list[int] = decoding.clip_posteriors(logits, self._smoothing).argmax(axis=-1).tolist()
        return best
