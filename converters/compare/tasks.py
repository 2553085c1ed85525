"""What nets are compared on: a task's test sequences, as they are, shorter, longer and moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.series.features import segments
from edgenets.series.windows import scaled, split_windows
from edgenets.spec import KeywordSpec
from edgenets.stepspec import StreamSpec
from edgenets.training.forecast import load

from .. import keywords, texts
from ..decisions import decisions_of
from ..verify import answers_of

# Lengths that nets are tested at, as parts of the length that they were taught at.
FACTORS = (0.5, 1.0, 2.0, 10.0)

# Frames that a word is moved by, either way.
SHIFTS = (0, 5, 10)

# Windows of series that are measured, at equal distances.
_WINDOWS = 1500


@dataclass(frozen=True)
class Samples:
    """Test sequences, and what is to be decided of each."""

    items: Sequence[NDArray[Any]] | NDArray[Any]  # (frames, numbers) each, of the model's type
    targets: Sequence[Any]
    last: int | None = None  # steps at the end that the decision is made of; None: all


class Task(Protocol):
    """One task, of one run."""

    unit: str  # what the cost of a stream is told for
    steps_per_unit: float

    def samples(self, factor: float) -> Samples:
        """The test sequences, at a length."""
        ...


def task_of(run: Run, data: Path, progress: Progress) -> Task:
    """The task of a run that `families.recipe_of` made the recipe of."""
    found: Task = KINDS[run.spec.task](run, data, progress)
    return found


def figure(run: Run, model: Any, samples: Samples) -> float:
    """The task's metric of a Keras model."""
    assert isinstance(run.spec, StreamSpec), "there are no others to compare"
    decisions = decisions_of(run.spec)
    answers = answers_of(model, samples.items)
    if samples.last is not None:
        answers = [answer[-samples.last :] for answer in answers]
    return decisions.score(decisions.decide(answers), samples.targets)


class Keywords:
    """A second of sound; longer ones have other words before it, shorter ones its middle."""

    unit = "second of sound"

    def __init__(self, run: Run, data: Path, progress: Progress) -> None:
        assert isinstance(run.spec, KeywordSpec)
        self._frames = run.spec.step.frames
        self.steps_per_unit = 1 / run.spec.step_seconds
        clips, self._targets = keywords.clips_of(run, data, "test", progress)
        self._clips = clips[:, : clips.shape[1] - clips.shape[1] % (2 * self._frames)]

    def samples(self, factor: float) -> Samples:
        """See `Task`."""
        steps = self._clips.shape[1] // self._frames
        if factor < 1:
            count = int(factor * steps)
            start = (steps - count) // 2 * self._frames
            return Samples(self._clips[:, start : start + count * self._frames], self._targets)
        before = [np.roll(self._clips, turn, axis=0) for turn in range(1, round(factor))]
        return Samples(np.concatenate([*before, self._clips], axis=1), self._targets, steps)

    def moved(self, frames: int) -> Samples:
        """The clips so many frames later; what goes in at one end is what stands there."""
        places = np.clip(np.arange(self._clips.shape[1]) - frames, 0, self._clips.shape[1] - 1)
        return Samples(self._clips[:, places], self._targets)


class Texts:
    """A sentence; longer ones say it again, shorter ones are its beginning."""

    unit = "thousand words"
    steps_per_unit = 1000.0

    def __init__(self, run: Run, data: Path, progress: Progress) -> None:
        found = texts.texts_of(run, data, "test")
        self._tokens, self._targets = found.tokens, found.targets.tolist()

    def samples(self, factor: float) -> Samples:
        """See `Task`."""
        items = []
        for tokens in self._tokens:
            again = np.tile(tokens, max(1, round(factor)))
            items.append(again[: max(1, round(factor * len(tokens)))][:, None])
        return Samples(items, self._targets)


class Series:
    """Two weeks of readings; longer ones begin earlier, shorter ones later."""

    unit = "thousand readings"

    def __init__(self, run: Run, data: Path, progress: Progress) -> None:
        spec: Any = run.spec
        self._spec = spec
        self._series = scaled(load(run.recipe, data, progress).values, spec.input)  # type: ignore[arg-type]
        self.steps_per_unit = 1000 / spec.input.segment

    def samples(self, factor: float) -> Samples:
        """See `Task`."""
        segment = self._spec.input.segment
        window = max(1, round(factor * self._spec.window / segment)) * segment
        found = split_windows(self._series, replace(self._spec, window=window), "test")
        chosen = found.spread(_WINDOWS)
        return Samples(segments(chosen.came, segment), list(chosen.following - chosen.last))


# Task of a spec → what its nets are compared on.
KINDS: dict[str, Any] = {"keywords": Keywords, "text": Texts, "forecast": Series}
