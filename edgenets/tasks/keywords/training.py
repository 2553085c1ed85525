"""Training of networks that spot keywords in a stream of sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets import models
from edgenets.extras import require
from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.recipeparts import Schedule
from edgenets.sound.audio import float_to_pcm16
from edgenets.sound.features import TrainedInput
from edgenets.stepspec import StepSpec
from edgenets.tasks.keywords import dataset, running
from edgenets.tasks.keywords.clips import ClipSet
from edgenets.tasks.keywords.dataset import Splits
from edgenets.tasks.keywords.decoding import decide_clips
from edgenets.tasks.keywords.kept import keep
from edgenets.tasks.keywords.material import material
from edgenets.tasks.keywords.mixture import MixtureBatches
from edgenets.tasks.keywords.recipe import KeywordRecipe
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.keywords.streams import StreamBatches, StreamMaker
from edgenets.tasks.keywords.thresholds import chosen_decoding
from edgenets.tasks.keywords.trial import hardest, listened, recall, streams, trial
from edgenets.tasks.task import Trained
from edgenets.training import figures
from edgenets.training.doubts import doubted
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras

# Where a run keeps the words that its recipe has synthesised.
SYNTHETIC = "synthetic"

# Clips that are evaluated at once.
EVALUATION_BATCH = 256

# Streams by which features are normalized, and artifacts calibrated.
STATISTICS_STREAMS = 200
CALIBRATION_STREAMS = 300

# Streams without a word that artifacts are held by: those in which the model was nearest to hearing
# one. An artifact that is like it hears none in the others.
KEPT_STREAMS = 300

# What sets their seed apart from that of streams by which thresholds are set.
HELD_SEED = 1000


def train_keywords(recipe: KeywordRecipe, data: Path, out: Path, progress: Progress) -> Trained:
    """See `edgenets.training.train.train`; also draws `curves.png` and `confusion.png`."""
    splits = dataset.load(recipe, data, progress, out / SYNTHETIC)
    if recipe.listening.streams:
        plan = _on_streams(recipe, splits, out, progress)
    else:
        plan = _on_clips(recipe, splits, progress)
    trainer = Trainer(plan.job, out, progress)
    trainer.fit()
    spec, found = plan.settled(trainer.model)
    test = _figures(trainer.model, splits.test, spec, recipe)
    trainer.curves(f"validation {plan.job.metric}, %")
    validation = _figures(trainer.model, splits.validation, spec, recipe)
    shown = test if test["clips"] else validation
    figures.confusion(np.array(shown["confusion"]), spec.labels, out / "confusion.png")
    doubts = doubted({"validation": validation, "test": test}, spec.labels, progress)
    metrics = {
        "parameters": int(trainer.model.count_params()),
        "metric": "accuracy",
        "doubts": doubts,
        "train": splits.train.counts(),
        "validation": {**validation, **found.get("validation", {})},
        "test": {**test, **found.get("test", {})},
    }
    return Trained(trainer.model, spec, metrics)


@dataclass(frozen=True)
class _Plan:
    """What is trained, and what is settled once it is."""

    job: Job
    # Gives the spec, and by split what was found on streams.
    settled: Callable[[keras.Model], tuple[KeywordSpec, dict[str, Json]]]


def _on_clips(recipe: KeywordRecipe, splits: Splits, progress: Progress) -> _Plan:
    """Train on a few clips one after another, each asked for at its end."""
    features = dataset.features_for(recipe, lambda: splits.train.sounds)
    seconds = dataset.seconds_of(splits.train, recipe.data.clip_seconds)
    streams = StreamMaker(
        splits.train, features, recipe.augment, recipe.model.frames_per_step,
        seconds, recipe.schedule.clips_per_stream, recipe.seed,
    )  # fmt: skip
    spec = _spec(recipe, features, splits.train.labels)
    job = Job(
        build=lambda: models.build(recipe.model, features.bands, len(spec.labels)),
        batches=StreamBatches(streams, recipe.schedule.batch),
        loss=loss_of(recipe.schedule),
        judge=_accuracy_on(splits.validation, spec, recipe),
        schedule=recipe.schedule,
        seed=recipe.seed,
        start=recipe.start,
    )
    return _Plan(job, lambda model: (spec, {}))


def _on_streams(recipe: KeywordRecipe, splits: Splits, out: Path, progress: Progress) -> _Plan:
    """Train on streams in which all else is said, too; settle the thresholds by such ones."""
    train = material(recipe, splits.train, "train", progress)
    shape = (recipe.schedule.batch, recipe.model.frames_per_step)
    parts = (recipe.listening, recipe.augment, shape, recipe.seed)
    raw = MixtureBatches(train, recipe.features, *parts)
    features = features_by_streams(recipe, raw)
    spec = _spec(recipe, features, train.labels)
    spec = replace(spec, decoding=replace(spec.decoding, clips="peak"))

    chosen_by = material(recipe, splits.validation, "validation", progress)
    validation = trial(chosen_by, features, recipe, running.SEEDS["validation"])

    def settled(model: keras.Model) -> tuple[KeywordSpec, dict[str, Json]]:
        answered = listened(model, validation, spec)
        decoding, known = chosen_decoding(answered, recipe.listening.max_fa, progress)
        made = spec.decided_by(decoding)
        # Not those that thresholds were set by: the model alone would be at its best in them.
        held = trial(chosen_by, features, recipe, running.SEEDS["validation"] + HELD_SEED)
        held = hardest(held, listened(model, held, made), KEPT_STREAMS)
        keep(out, streams(train, features, recipe, recipe.seed, CALIBRATION_STREAMS), held)
        found = {"validation": known.figures()}
        if len(splits.test):
            others = material(recipe, splits.test, "test", progress)
            test = trial(others, features, recipe, running.SEEDS["test"])
            found["test"] = listened(model, test, made).at(decoding).figures()
        return made, found

    job = Job(
        build=lambda: models.build(recipe.model, features.bands, len(spec.labels)),
        batches=MixtureBatches(train, features, *parts),
        loss=loss_of(recipe.schedule),
        judge=lambda model: recall(listened(model, validation, spec)),
        schedule=recipe.schedule,
        seed=recipe.seed,
        metric="recall",
        keep_best=True,
        start=recipe.start,
    )
    return _Plan(job, settled)


class Streams(Protocol):
    """What draws streams."""

    def stream(
        self, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.generic], NDArray[np.float32]]:
        """One: (samples,), what is asked for at every step, and what that counts for."""
        ...


def features_by_streams(recipe: dataset.Listens, raw: Streams) -> TrainedInput:
    """A recipe's features with the mean and deviation of its streams; see `dataset.features_for`.

    Args:
        raw: streams as the recipe has its features.
    """

    def sounds() -> list[NDArray[np.int16]]:
        rng = np.random.default_rng((recipe.seed, 5))
        return [float_to_pcm16(raw.stream(rng)[0]) for _ in range(STATISTICS_STREAMS)]

    return dataset.features_for(recipe, sounds)


def loss_of(schedule: Schedule) -> keras.losses.Loss:
    """The loss of networks that tell labels apart at every step."""
    smoothing = schedule.label_smoothing
    return require("keras").losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing
    )


def _accuracy_on(
    clips: ClipSet, spec: KeywordSpec, recipe: KeywordRecipe
) -> Callable[[keras.Model], float]:
    frames = dataset.frames_of(clips, spec, recipe)
    return lambda model: accuracy(_decide(model, frames, spec), clips)


def _spec(recipe: KeywordRecipe, features: TrainedInput, labels: tuple[str, ...]) -> KeywordSpec:
    return KeywordSpec(
        name=recipe.name,
        task="keywords",
        labels=labels,
        input=features,
        decoding=recipe.decoding,
        step=StepSpec(frames=recipe.model.frames_per_step),
        split=recipe.data.shares,
    )


def _decide(
    model: keras.Model, frames: NDArray[np.float32], spec: KeywordSpec
) -> NDArray[np.int64]:
    """The label number of each of (clips, frames, bands), (clips,)."""
    usable = frames.shape[1] - frames.shape[1] % spec.step.frames
    logits = model.predict(frames[:, :usable], batch_size=EVALUATION_BATCH, verbose=0)
    return decide_clips(logits, spec.decoding, spec.labels)


def accuracy(decided: NDArray[np.int64], clips: ClipSet) -> float:
    """The share of clips whose label number was decided."""
    return float(np.mean(decided == clips.targets))


def _figures(model: keras.Model, clips: ClipSet, spec: KeywordSpec, recipe: KeywordRecipe) -> Json:
    """Accuracy and confusion of the float model on one split."""
    if not len(clips):
        return {"clips": 0}
    return judged(_decide(model, dataset.frames_of(clips, spec, recipe), spec), clips)


def judged(decided: NDArray[np.int64], clips: ClipSet) -> Json:
    """Accuracy and confusion of the label numbers that clips were decided to be, (clips,)."""
    matrix = figures.confusion_matrix(clips.targets, decided, len(clips.labels))
    return {
        "accuracy": accuracy(decided, clips),
        "clips": len(clips),
        "confusion": matrix.tolist(),
    }
