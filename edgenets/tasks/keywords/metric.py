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
from edgenets.tasks.task import Measured, Samples


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
    """What artifacts are held against their model by: what both hear in streams.

    Of more than the gate takes, half are without a word, and the others are of all words.
    """
    count = max(gate.samples // 2, gate.samples - len(streams.negatives))
    places = np.linspace(0, len(streams.words) - 1, min(count, len(streams.words))).astype(int)
    words = [streams.words[place] for place in places]
    negatives = streams.negatives[: max(1, gate.samples - len(words))]
    hours = streams.hours * len(negatives) / len(streams.negatives)

    def apart(
        found: Sequence[tuple[int, ...]], models: Sequence[tuple[int, ...]]
    ) -> list[Measured]:
        heard = [_recall(decided, words) for decided in (models, found)]
        accepts = [sum(map(len, decided[len(words) :])) for decided in (models, found)]
        more = max(0, accepts[1] - accepts[0] - 1) / hours  # one may be chance in any time
        return [
            Measured("recall_drop", heard[0] - heard[1], gate.recall_drop),
            Measured("more_false_accepts", more, gate.more_false_accepts),
        ]

    features = [*streams.positives[places], *negatives]
    targets = [*((word,) for word in words), *([()] * len(negatives))]
    return Samples(features, targets, "streams", Heard(spec), apart)


def _recall(heard: Sequence[tuple[int, ...]], words: Sequence[int]) -> float:
    """The part of words that are heard where they are said."""
    pairs = list(zip(heard, words, strict=False))
    return sum(word in labels for labels, word in pairs) / len(pairs)
