"""A string of symbols an utterance: symbol accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from edgenets.tasks.metrics import Answers, equal_share
from edgenets.tasks.speech import distance
from edgenets.tasks.speech.spec import SpeechSpec
from edgenets.tasks.speech.transcriber import transcribe


class Transcripts:
    """A string of symbols an item: those that are right, less those that are too many."""

    metric = distance.METRIC

    def __init__(self, spec: SpeechSpec) -> None:
        self._decoding = spec.decoding

    def decide(self, answers: Answers) -> Sequence[tuple[int, ...]]:
        """See `Decisions.decide`."""
        return [transcribe(self._decoding, item) for item in answers]

    def score(self, decided: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> float:
        """See `Decisions.score`."""
        return distance.accuracy(decided, targets)

    def agreement(self, decided: Sequence[object], others: Sequence[object]) -> float:
        """See `Decisions.agreement`."""
        return equal_share(decided, others)
