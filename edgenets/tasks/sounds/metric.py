"""One sound a clip: accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from edgenets.tasks.metrics import Answers, Choices
from edgenets.tasks.sounds.decoding import decide_clips
from edgenets.tasks.sounds.spec import SoundsSpec


class Loudest(Choices):
    """The sound that is likeliest anywhere in an item: accuracy."""

    def __init__(self, spec: SoundsSpec) -> None:
        self._spec = spec

    def decide(self, answers: Answers) -> Sequence[int]:
        """See `Decisions.decide`."""
        decoding, labels = self._spec.decoding, self._spec.labels
        return [int(decide_clips(steps, decoding, labels)) for steps in answers]
