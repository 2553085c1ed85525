"""What a stream's scores come to, by its task: decisions, and the task's own metric of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets import keywords
from edgenets.spec import KeywordSpec, SpeechSpec, StreamSpec
from edgenets.speech import distance
from edgenets.speech.transcriber import transcribe


class Decisions(Protocol):
    """How one task judges."""

    metric: str  # what `score` is called

    def decide(self, logits: NDArray[np.float32]) -> Sequence[Hashable]:
        """The decision of each item of (items, steps, labels)."""
        ...

    def score(self, decided: Sequence[Hashable], targets: Sequence[Hashable]) -> float:
        """The task's metric, 0…1."""
        ...


class Words:
    """One word an item: accuracy."""

    metric = "accuracy"

    def __init__(self, spec: KeywordSpec) -> None:
        self._smoothing = spec.decoding.smoothing

    def decide(self, logits: NDArray[np.float32]) -> Sequence[Hashable]:
        """See `Decisions.decide`."""
        best: list[int] = keywords.clip_posteriors(logits, self._smoothing).argmax(axis=-1).tolist()
        return best

    def score(self, decided: Sequence[Hashable], targets: Sequence[Hashable]) -> float:
        """See `Decisions.score`."""
        return equal_share(decided, targets)


class Texts:
    """A string of symbols an item: those that are right, less those that are too many."""

    metric = distance.METRIC

    def __init__(self, spec: SpeechSpec) -> None:
        self._decoding = spec.decoding

    def decide(self, logits: NDArray[np.float32]) -> Sequence[tuple[int, ...]]:
        """See `Decisions.decide`."""
        return [transcribe(self._decoding, item) for item in logits]

    def score(self, decided: Sequence[Hashable], targets: Sequence[Hashable]) -> float:
        """See `Decisions.score`."""
        return distance.accuracy(decided, targets)  # type: ignore[arg-type]


def equal_share(found: Sequence[Hashable], others: Sequence[Hashable]) -> float:
    """The part of the decisions that are the same."""
    return float(np.mean([a == b for a, b in zip(found, others, strict=True)]))


def decisions_of(spec: StreamSpec) -> Decisions:
    """How a model's task judges."""
    if isinstance(spec, SpeechSpec):
        return Texts(spec)
    assert isinstance(spec, KeywordSpec)
    return Words(spec)
