"""What models are compared on: a task's test sequences, as they are, shorter, longer and moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.stepspec import StreamSpec
from edgenets.tasks import sequence_task
from edgenets.tasks.keywords.samples import clips_of
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.series.features import segments
from edgenets.tasks.series.forecast_training import load
from edgenets.tasks.series.windows import Windows, scaled, split_windows
from edgenets.tasks.text.samples import texts_of

from ..families.steps import answers_of

if TYPE_CHECKING:
    from keras import Model

# Lengths that networks are tested at, as parts of the length that they were taught at.
FACTORS = (0.5, 1.0, 2.0, 10.0)

# Frames that a word is moved by, either way.
SHIFTS = (0, 5, 10)

# Windows of series that are measured, at equal distances.
_WINDOWS = 1500


@dataclass(frozen=True)
class Samples:
    """Test sequences, and what is to be decided of each."""

    items: Sequence[Array] | Array  # (frames, numbers) each, of the model's type
    targets: Sequence[Any]
    last: int | None = None  # steps at the end that the decision is made of; None: all
    factor: float = 1.0  # its length, as a part of what was taught; it may not be just as requested


class Task(Protocol):
    """One task, of one run."""

    unit: str  # what the cost of a stream is reported for
    steps_per_unit: float
    step: str  # what a step of the network takes

    def samples(self, factor: float) -> Samples | None:
        """The test sequences, at about a length; None where there are none so long."""
        ...

    def stretches(self, frames: int, count: int) -> Array:
        """Long sequences, (count, frames, numbers), of test data drawn at random.

        They are shorter than what was asked for where there are none so long.
        """
        ...


def task_of(run: Run, data: Path, progress: Progress) -> Task:
    """The task of a run that `families.recipe_of` made the recipe of."""
    found: Task = KINDS[run.spec.task](run, data, progress)
    return found


def figure(run: Run, model: Model, samples: Samples) -> float:
    """The task's metric of a Keras model."""
    assert isinstance(run.spec, StreamSpec), "there are no others to compare"
    decisions = sequence_task(run.spec.task).decisions(run.spec)
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
        self.step = f"{1e3 * run.spec.step_seconds:.0f} ms of sound"
        clips, self._targets = clips_of(run, data, "test", progress)
        self._clips = clips[:, : clips.shape[1] - clips.shape[1] % (2 * self._frames)]

    def samples(self, factor: float) -> Samples:
        """See `Task`."""
        steps = self._clips.shape[1] // self._frames
        if factor < 1:
            count = int(factor * steps)
            start = (steps - count) // 2 * self._frames
            middle = self._clips[:, start : start + count * self._frames]
            return Samples(middle, self._targets, factor=count / steps)
        rng = np.random.default_rng(31)
        before = [self._clips[self._others(rng)] for _ in range(1, round(factor))]
        longer = np.concatenate([*before, self._clips], axis=1)
        return Samples(longer, self._targets, steps, float(round(factor)))

    def _others(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """For every clip the number of one of another label."""
        labels = np.asarray(self._targets)
        found = rng.permutation(len(labels))
        for _ in range(100):  # what fell to a clip of its own label is dealt again
            same = np.flatnonzero(labels[found] == labels)
            if not len(same):
                break
            found[same] = rng.integers(0, len(labels), len(same))
        return found

    def stretches(self, frames: int, count: int) -> Array:
        """See `Task`."""
        return _joined(self._clips, frames, count)

    def moved(self, frames: int) -> Samples:
        """The clips so many frames later; what goes in at one end is what stands there."""
        places = np.clip(np.arange(self._clips.shape[1]) - frames, 0, self._clips.shape[1] - 1)
        return Samples(self._clips[:, places], self._targets)


class Texts:
    """A sentence; longer ones say it again, shorter ones are its beginning."""

    unit = "thousand words"
    steps_per_unit = 1000.0
    step = "1 word"

    def __init__(self, run: Run, data: Path, progress: Progress) -> None:
        found = texts_of(run, data, "test")
        self._tokens, self._targets = found.tokens, found.targets.tolist()

    def samples(self, factor: float) -> Samples:
        """See `Task`."""
        items = []
        for tokens in self._tokens:
            again = np.tile(tokens, max(1, round(factor)))
            items.append(again[: max(1, round(factor * len(tokens)))][:, None])
        return Samples(items, self._targets, factor=factor)

    def stretches(self, frames: int, count: int) -> Array:
        """See `Task`."""
        return _joined([tokens[:, None] for tokens in self._tokens], frames, count)


class Series:
    """Two weeks of readings; longer ones begin earlier, shorter ones later."""

    unit = "thousand readings"

    def __init__(self, run: Run, data: Path, progress: Progress) -> None:
        spec: Any = run.spec
        self._spec = spec
        self._series = scaled(load(run.recipe, data, progress).values, spec.input)  # type: ignore[arg-type]
        self._segment = spec.input.segment
        self.steps_per_unit = 1000 / self._segment
        self.step = f"{self._segment} readings"

    def samples(self, factor: float) -> Samples | None:
        """See `Task`; the same forecasts are judged at every length."""
        window = max(1, round(factor * self._spec.window / self._segment)) * self._segment
        if window > self._longest:
            return None
        chosen = self._windows(self._longest).spread(_WINDOWS)
        came = segments(chosen.came[:, -window:], self._segment)
        targets = list(chosen.following - chosen.last)
        return Samples(came, targets, factor=window / self._spec.window)

    def stretches(self, frames: int, count: int) -> Array:
        """See `Task`."""
        window = min(frames, self._room // self._segment) * self._segment
        found = self._windows(window).spread(count)
        return segments(found.came, self._segment)

    @property
    def _room(self) -> int:
        """Readings before the last forecast of the test part."""
        room: int = self._spec.borders.test - self._spec.decoding.horizon
        return room

    @property
    def _longest(self) -> int:
        """The longest window that is tested: every forecast of the test part has one."""
        before = self._spec.borders.validation
        most = min(max(FACTORS) * self._spec.window, max(before, self._spec.window))
        count = int(most // self._segment)
        return count * int(self._segment)

    def _windows(self, window: int) -> Windows:
        return split_windows(self._series, replace(self._spec, window=window), "test")


def _joined(items: Sequence[Array] | Array, frames: int, count: int) -> Array:
    """Items one after another in a random order, until each of so many rows is long enough."""
    rng = np.random.default_rng(32)
    rows = []
    for _ in range(count):
        row: list[Array] = []
        while sum(map(len, row)) < frames:
            row.append(items[int(rng.integers(len(items)))])
        rows.append(np.concatenate(row)[-frames:])
    return np.stack(rows)


# Task of a spec → what its networks are compared on.
KINDS: dict[str, Any] = {"keywords": Keywords, "text": Texts, "forecast": Series}
