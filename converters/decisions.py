"""What a stream's scores come to, by its task: decisions, and the task's own metric of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.metrics import MAE, MSE, NATS
from edgenets.spec import KeywordSpec, SpeechSpec
from edgenets.stepspec import StreamSpec
from edgenets.tasks.keywords import decoding as keywords
from edgenets.tasks.language.likelihood import nats
from edgenets.tasks.language.spec import LanguageSpec
from edgenets.tasks.series.spec import AnomalySpec, ForecastSpec
from edgenets.tasks.speech import distance
from edgenets.tasks.speech.transcriber import transcribe

Answers = Sequence[NDArray[np.float32]]  # (steps, scores) of each item


class Decisions(Protocol):
    """How one task judges."""

    metric: str  # what `score` is called

    def decide(self, answers: Answers) -> Sequence[Any]:
        """The decision of each item."""
        ...

    def score(self, decided: Sequence[Any], targets: Sequence[Any]) -> float:
        """The task's metric."""
        ...

    def agreement(self, decided: Sequence[Any], others: Sequence[Any]) -> float:
        """The part of the decisions that are the same, 0…1."""
        ...


class Words:
    """One word an item: accuracy."""

    metric = "accuracy"

    def __init__(self, spec: KeywordSpec) -> None:
        self._smoothing = spec.decoding.smoothing

    def decide(self, answers: Answers) -> Sequence[int]:
        """See `Decisions.decide`."""
        logits = np.stack(answers)
        best: list[int] = keywords.clip_posteriors(logits, self._smoothing).argmax(axis=-1).tolist()
        return best

    def score(self, decided: Sequence[Any], targets: Sequence[Any]) -> float:
        """See `Decisions.score`."""
        return equal_share(decided, targets)

    def agreement(self, decided: Sequence[Any], others: Sequence[Any]) -> float:
        """See `Decisions.agreement`."""
        return equal_share(decided, others)


class Texts:
    """A string of symbols an item: those that are right, less those that are too many."""

    metric = distance.METRIC

    def __init__(self, spec: SpeechSpec) -> None:
        self._decoding = spec.decoding

    def decide(self, answers: Answers) -> Sequence[tuple[int, ...]]:
        """See `Decisions.decide`."""
        return [transcribe(self._decoding, item) for item in answers]

    def score(self, decided: Sequence[Any], targets: Sequence[Any]) -> float:
        """See `Decisions.score`."""
        return distance.accuracy(decided, targets)

    def agreement(self, decided: Sequence[Any], others: Sequence[Any]) -> float:
        """See `Decisions.agreement`."""
        return equal_share(decided, others)


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


class Sorted:
    """One label an item, when all of it is read: accuracy."""

    metric = "accuracy"

    def decide(self, answers: Answers) -> Sequence[int]:
        """See `Decisions.decide`."""
        return [int(item[-1].argmax()) for item in answers]

    def score(self, decided: Sequence[Any], targets: Sequence[Any]) -> float:
        """See `Decisions.score`."""
        return equal_share(decided, targets)

    def agreement(self, decided: Sequence[Any], others: Sequence[Any]) -> float:
        """See `Decisions.agreement`."""
        return equal_share(decided, others)


class Forecasts:
    """How a series goes on after an item: mean square error."""

    metric = MSE.name

    def __init__(self, horizon: int) -> None:
        self._horizon = horizon

    def decide(self, answers: Answers) -> Sequence[NDArray[np.float32]]:
        """See `Decisions.decide`."""
        return [item[-1, : self._horizon] for item in answers]

    def score(self, decided: Sequence[Any], targets: Sequence[Any]) -> float:
        """See `Decisions.score`."""
        return float(np.mean((np.stack(decided) - np.stack(targets)) ** 2))

    def agreement(self, decided: Sequence[Any], others: Sequence[Any]) -> float:
        """See `Decisions.agreement`: of what is foreseen to change, the part that is the same."""
        return same_part(np.stack(decided), np.stack(others))


class NextReadings:
    """What comes next, at every step of an item: mean absolute error."""

    metric = MAE.name

    def decide(self, answers: Answers) -> Sequence[NDArray[np.float32]]:
        """See `Decisions.decide`: an answer's first number is what is foreseen."""
        return [item[:, 0] for item in answers]

    def score(self, decided: Sequence[Any], targets: Sequence[Any]) -> float:
        """See `Decisions.score`."""
        return float(np.abs(np.concatenate(decided) - np.concatenate(targets)).mean())

    def agreement(self, decided: Sequence[Any], others: Sequence[Any]) -> float:
        """See `Decisions.agreement`: the part of the values that is the same."""
        return same_part(np.concatenate(decided), np.concatenate(others))


def same_part(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """The part of what is wanted that is the same, on the mean, 0…1."""
    size = max(np.abs(wanted).mean(), 1e-12)
    return max(0.0, 1.0 - float(np.abs(found - wanted).mean() / size))


def equal_share(found: Sequence[Any], others: Sequence[Any]) -> float:
    """The part of the decisions that are the same."""
    return float(np.mean([a == b for a, b in zip(found, others, strict=True)]))


def decisions_of(spec: StreamSpec) -> Decisions:
    """How a model's task judges."""
    if isinstance(spec, SpeechSpec):
        return Texts(spec)
    if isinstance(spec, KeywordSpec):
        return Words(spec)
    if isinstance(spec, ForecastSpec):
        return Forecasts(spec.decoding.horizon)
    if isinstance(spec, AnomalySpec):
        return NextReadings()
    return NextTokens() if isinstance(spec, LanguageSpec) else Sorted()
