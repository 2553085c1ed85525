"""Training of networks that spot keywords in a stream of sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets import models
from edgenets.data.split import SplitShares
from edgenets.extras import require
from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.sound.input import AudioInput
from edgenets.stepspec import StepSpec
from edgenets.tasks.keywords import dataset
from edgenets.tasks.keywords import decoding as keywords
from edgenets.tasks.keywords.clips import ClipSet
from edgenets.tasks.keywords.recipe import KeywordRecipe
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.keywords.streams import StreamBatches, StreamMaker
from edgenets.tasks.task import Trained
from edgenets.training import figures
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras

# Where a run keeps the words that its recipe has synthesised.
SYNTHETIC = "synthetic"

# Clips that are evaluated at once.
EVALUATION_BATCH = 256


def train_keywords(recipe: KeywordRecipe, data: Path, out: Path, progress: Progress) -> Trained:
    """See `edgenets.training.train.train`; also draws `curves.png` and `confusion.png`."""
    splits = dataset.load(recipe, data, progress, out / SYNTHETIC)
    features = dataset.normalised(recipe.features, splits.train.sounds)
    streams = StreamMaker(
        splits.train, features, recipe.augment, recipe.model.frames_per_step,
        recipe.data.clip_seconds, recipe.schedule.clips_per_stream, recipe.seed,
    )  # fmt: skip
    labels = splits.train.labels
    frames = dataset.features_of(splits.validation, features, recipe.data.clip_seconds)
    loss = require("keras").losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=recipe.schedule.label_smoothing
    )
    job = Job(
        build=lambda: models.build(recipe.model, features.bands, len(labels)),
        batches=StreamBatches(streams, recipe.schedule.batch),
        loss=loss,
        judge=lambda model: _accuracy(_decide(model, frames, recipe), splits.validation),
        schedule=recipe.schedule,
        seed=recipe.seed,
    )
    trainer = Trainer(job, out, progress)
    trainer.fit()
    test = _figures(trainer.model, splits.test, features, recipe)
    trainer.curves()
    figures.confusion(np.array(test["confusion"]), labels, out / "confusion.png")
    metrics = {
        "parameters": int(trainer.model.count_params()),
        "metric": "accuracy",
        "train": splits.train.counts(),
        "validation": _figures(trainer.model, splits.validation, features, recipe),
        "test": test,
    }
    return Trained(trainer.model, _spec(recipe, features, labels), metrics)


def _spec(recipe: KeywordRecipe, features: AudioInput, labels: tuple[str, ...]) -> KeywordSpec:
    return KeywordSpec(
        name=recipe.name,
        task="keywords",
        labels=labels,
        input=features,
        decoding=recipe.decoding,
        step=StepSpec(frames=recipe.model.frames_per_step),
        split=SplitShares(recipe.data.validation, recipe.data.test),
    )


def _decide(
    model: keras.Model, frames: NDArray[np.float32], recipe: KeywordRecipe
) -> NDArray[np.int64]:
    """The label number of each of (clips, frames, bands), (clips,)."""
    usable = frames.shape[1] - frames.shape[1] % recipe.model.frames_per_step
    logits = model.predict(frames[:, :usable], batch_size=EVALUATION_BATCH, verbose=0)
    decided: NDArray[np.int64] = keywords.clip_posteriors(logits, recipe.decoding.smoothing).argmax(
        axis=1
    )
    return decided


def _accuracy(decided: NDArray[np.int64], clips: ClipSet) -> float:
    return float(np.mean(decided == clips.targets))


def _figures(
    model: keras.Model, clips: ClipSet, features: AudioInput, recipe: KeywordRecipe
) -> Json:
    """Accuracy and confusion of the float model on one split."""
    frames = dataset.features_of(clips, features, recipe.data.clip_seconds)
    decided = _decide(model, frames, recipe)
    matrix = figures.confusion_matrix(clips.targets, decided, len(clips.labels))
    return {
        "accuracy": _accuracy(decided, clips),
        "clips": len(clips),
        "confusion": matrix.tolist(),
    }
