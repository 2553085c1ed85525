"""The protocol of a task: what stages ask of a job, whichever it is.

A task is imported on boards too. What only a laptop needs is in modules of its own, which the
task's methods import when they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.files import Json
from edgenets.progress import Progress

if TYPE_CHECKING:
    import keras

    from edgenets.backend import Given, Session
    from edgenets.bundle import Bundle
    from edgenets.data.split import Split
    from edgenets.data.survey import Survey
    from edgenets.recipeparts import Recipe
    from edgenets.runs import Run
    from edgenets.spec import ModelSpec
    from edgenets.tasks.evaluation import Evaluation
    from edgenets.tasks.lines import LinePipeline
    from edgenets.tasks.metrics import Decisions
    from edgenets.tasks.options import RunOptions
    from edgenets.tasks.own import OwnInput, OwnModel
    from edgenets.tasks.sound_pipeline import Stepper
    from edgenets.tasks.speech.ctc import Grammar

# How a model is converted and run: as one step of a stream, as a whole, or as an encoder and a
# decoder, each of which is a step.
Variant = Literal["step", "whole", "encoder-decoder"]

# (frames, numbers a frame) each, of the model's type; their lengths may differ. One array of
# (items, frames, numbers) will do.
Sequences = Sequence[Array] | Array


# Where a task's input comes from.
Medium = Literal["sound", "images", "lines"]

# Medium → the source of a run, where no other is given.
SOURCES: dict[Medium, str] = {"sound": "mic:default", "images": "camera:0", "lines": "-"}

# What a session answers to the golden inputs of a bundle.
Replay = Callable[["Session"], NDArray[np.float32]]


@dataclass(frozen=True)
class Measured:
    """What the gate measured."""

    name: str
    found: float
    most: float  # that passes


@dataclass(frozen=True)
class Samples:
    """Sequences to verify on, as the model takes them."""

    features: Sequences
    targets: Sequence[object]  # of each item what is to be decided: a label, a string of them
    kind: str = "clips"  # what the items are called
    decisions: Decisions | None = None  # how these are decided; None: as the task's items are
    # How far an artifact's decisions are from the model's, beside what all tasks are held by.
    apart: Callable[[Sequence[Any], Sequence[Any]], Sequence[Measured]] | None = None


@dataclass(frozen=True)
class Streams:
    """What a model listens to, to be judged by what it hears."""

    negatives: tuple[Path, ...] = ()  # recordings without any of its words, or folders of them
    positives: tuple[Path, ...] = ()  # folders LABEL, or of folders LABEL


@dataclass(frozen=True)
class SetByStreams:
    """What was set by what a model heard."""

    spec: ModelSpec
    evidence: Json  # for the bundle's report
    # Of each word: itself, its threshold, recall and false accepts, each before and now.
    rows: tuple[tuple[str, ...], ...]
    lost: tuple[str, ...]  # words that are hardly heard any more, a sentence each
    said: tuple[str, ...]  # what that proves, and what would help


@dataclass(frozen=True)
class Spoken:
    """A word that is to be learned."""

    word: str
    clips: tuple[Path, ...]  # recordings of it, or folders of them
    # Recordings, or folders of them, in which it is not said; of a voice, in which others say it.
    negatives: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Enrolment:
    """What a bundle gets that learned a word from recordings."""

    spec: ModelSpec
    members: Mapping[str, bytes]  # of the bundle, by name
    evidence: Json  # for the bundle's report
    said: tuple[str, ...]  # what it is worth, and what would help


@dataclass(frozen=True)
class Trained:
    """The outcome of a training."""

    model: keras.Model
    spec: ModelSpec
    metrics: Json
    assets: Mapping[str, bytes] = field(default_factory=dict)  # files that the model needs beside


class Task(Protocol):
    """One job."""

    spec: ClassVar[type[ModelSpec]]
    recipe: ClassVar[type[Recipe]]
    variant: ClassVar[Variant]
    medium: ClassVar[Medium]
    extras: ClassVar[tuple[str, ...]]  # that its pipeline needs on a device
    run_options: ClassVar[tuple[str, ...]]  # of `edgenets run`, that it has a use for
    doing: ClassVar[str]  # what a run does with its source, in words
    cost_unit: ClassVar[str]  # of `cpu_ms`, as a table heads it
    own_input: ClassVar[OwnInput]  # of models of a user's own
    own_labels: ClassVar[bool]  # whether these have labels that the user lists

    def train(self, recipe: Recipe, data: Path, out: Path, progress: Progress) -> Trained:
        """Train a recipe's model; see `edgenets.training.train`."""
        ...

    def own(self, model: OwnModel) -> Json:
        """What the spec of a model of a user's own has of this task's, in plain values.

        Returns:
            `decoding`, and fields that only this task's specs have.

        Raises:
            ModelError: it is no such model.
        """
        ...

    def survey(self, data: Path, progress: Progress) -> Survey:
        """What a set of data holds, read item by item.

        Raises:
            DataError: the data are in no layout of the task, or cannot be looked at.
        """
        ...

    def evaluate(
        self, bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
    ) -> Evaluation:
        """Measure a bundle on labeled data, through the pipeline that a device runs.

        Args:
            data: in a layout of the task.
            split: take this part of it alone; None: all, that which the model was trained on too.

        Raises:
            DataError: the data cannot be used, or nothing of it is in the split.
        """
        ...

    def listened(
        self, spec: ModelSpec, session: Session, streams: Streams, progress: Progress
    ) -> Evaluation:
        """Measure a model by what it hears in streams: false accepts an hour, and recall.

        Raises:
            ModelError: a model of this task accepts nothing.
            DataError: there is nothing to listen to, or a recording cannot be read.
        """
        ...

    def set_by_streams(
        self,
        spec: ModelSpec,
        session: Session,
        streams: Streams,
        per_hour: float,
        progress: Progress,
    ) -> SetByStreams:
        """Set thresholds, so that no more is accepted in the negatives than so often an hour.

        Raises:
            ModelError: a model of this task accepts nothing.
            DataError: there is nothing to listen to, or a recording cannot be read.
        """
        ...

    def enrol(
        self, bundle: Bundle, session: Session, spoken: Spoken, progress: Progress
    ) -> Enrolment:
        """Learn a word from recordings, or a person's voice for one that the model hears.

        Args:
            session: of an artifact alone, without what was enrolled before.

        Raises:
            ModelError: a model of this task learns no word, or this one cannot.
            DataError: the recordings cannot be used.
        """
        ...

    def completed(self, bundle: Bundle, session: Session) -> Session:
        """A session of a bundle's artifact, with what the bundle carries beside it.

        Raises:
            BundleError: that is damaged.
        """
        ...

    def card(self, run: Run, items: int) -> list[str]:
        """The lines of a model card that are about this job, with its figures.

        Args:
            items: that artifacts were verified on.
        """
        ...

    def random(self, spec: ModelSpec, count: int) -> Array:
        """Random inputs of a model, (count,), of the type and the range that it takes."""
        ...

    def given(self, spec: ModelSpec) -> Given | None:
        """What a model is given once a sequence, at random; None: nothing."""
        ...

    def cpu_ms(self, spec: ModelSpec, session: Session, seconds: float) -> float:
        """CPU time of the whole pipeline, in `cost_unit`.

        Args:
            seconds: of sound that is streamed, or ten times what other inputs are run for.
        """
        ...

    def input_of(self, spec: ModelSpec) -> str:
        """What a model takes, in words."""
        ...

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """What a report shows at its top beside the metric: figures, each with what it is."""
        ...

    def golden(self, spec: ModelSpec) -> dict[str, bytes]:
        """The golden inputs that a bundle carries, by member name."""
        ...

    def golden_output(self, spec: ModelSpec, session: Session) -> NDArray[np.float32]:
        """What an artifact answers to them, as a bundle holds it."""
        ...

    def replay(self, bundle: Bundle) -> Replay:
        """What makes a session answer the golden inputs that a bundle holds.

        Raises:
            BundleError: they are damaged.
        """
        ...


class SequenceTask(Task, Protocol):
    """A job of models that are run step by step over a sequence."""

    def calibration(self, run: Run, data: Path, progress: Progress) -> Array:
        """Sequences of the training split that calibration rolls through the model."""
        ...

    def samples(self, run: Run, data: Path, progress: Progress) -> Samples:
        """Sequences of the validation split, with targets, that artifacts are verified on."""
        ...

    def decisions(self, spec: ModelSpec) -> Decisions:
        """How scores become decisions, and decisions a figure."""
        ...


class SoundTask(SequenceTask, Protocol):
    """A job of models that listen."""

    def stepper(
        self, spec: ModelSpec, session: Session, grammar: Grammar | None = None
    ) -> Stepper[Any]:
        """The pipeline from sound to decisions.

        Args:
            grammar: what may be said, to models of speech.
        """
        ...


class LineTask(SequenceTask, Protocol):
    """A job of models that take text or readings, a line at a time."""

    def lines(
        self, bundle: Bundle, session: Session, spec: Any, options: RunOptions
    ) -> LinePipeline[Any]:
        """The pipeline from lines to events.

        Args:
            spec: the bundle's, with other thresholds perhaps.

        Raises:
            DataError: something that the bundle carries beside its model is damaged.
        """
        ...
