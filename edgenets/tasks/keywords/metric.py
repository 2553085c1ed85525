"""One word a clip: accuracy. Streams: what is heard in them, and what is accepted falsely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgenets.recipeparts import GateRecipe
from edgenets.tasks.keywords import decoding
from edgenets.tasks.keywords.decoding import KeywordDecoder
from edgenets.tasks.keywords.kept import Kept
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.metrics import Answers, Choices
from edgenets.tasks.task import Samples


class Words(Choices):
    """One word an item: accuracy."""

    def __init__(self, spec: KeywordSpec) -> None:
        self._spec = spec

    def decide(self, answers: Answers) -> Sequence[int]:
        """See `Decisions.decide`."""
        decided = decoding.decide_clips(np.stack(answers), self._spec.decoding, self._spec.labels)
        best: list[int] = decided.tolist()
        return best


class Heard(Choices):
    """The words that a device would say of each stream: accuracy."""

    def __init__(self, spec: KeywordSpec) -> None:
        self._spec = spec

    def decide(self, answers: Answers) -> Sequence[tuple[int, ...]]:
        """See `Decisions.decide`."""
        spec = self._spec
        decoder = KeywordDecoder(spec.labels, spec.decoding, spec.step_seconds)
        return [self._heard(decoder, scores) for scores in answers]

    def _heard(self, decoder: KeywordDecoder, scores: NDArray[np.float32]) -> tuple[int, ...]:
        """The labels of the words in a stream, each once."""
        decoder.reset()
        said = {heard.label for row in scores if (heard := decoder.push(row)) is not None}
        return tuple(sorted(self._spec.labels.index(label) for label in said))


def on_streams(streams: Kept, spec: KeywordSpec, gate: GateRecipe) -> Samples:
    """What artifacts are held against their model by: what both hear in streams."""
    count = len(streams.words)
    features = [*streams.positives, *streams.negatives][: gate.samples]
    targets = [(word,) for word in streams.words] + [()] * len(streams.negatives)
    hours = streams.hours * max(0, len(features) - count) / len(streams.negatives)

    def apart(
        found: Sequence[tuple[int, ...]], models: Sequence[tuple[int, ...]]
    ) -> list[tuple[str, float, float]]:
        lost = [_recall(d[:count], streams.words) for d in (models, found)]
        accepts = [sum(map(len, d[count:])) for d in (models, found)]
        more = (accepts[1] - accepts[0]) / hours if hours else 0.0
        return [
            ("recall_drop", lost[0] - lost[1], gate.recall_drop),
            ("more_false_accepts", more, gate.more_false_accepts),
        ]

    return Samples(features, targets[: len(features)], "streams", Heard(spec), apart)


def _recall(heard: Sequence[tuple[int, ...]], words: Sequence[int]) -> float:
    pairs = list(zip(heard, words, strict=False))
    return sum(word in labels for labels, word in pairs) / max(1, len(pairs))
