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
        self._spec = spec

    def decide(self, answers: Answers) -> Sequence[int]:
        """See `Decisions.decide`."""
        decided = decoding.decide_clips(np.stack(answers), self._spec.decoding, self._spec.labels)
        best: list[int] = decided.tolist()
        return best
