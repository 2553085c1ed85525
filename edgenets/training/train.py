"""`train`: a recipe and a folder of recordings become a run folder."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgenets import records, runs
from edgenets.data.clips import ClipSet
from edgenets.data.streams import StreamMaker
from edgenets.errors import RecipeError
from edgenets.files import write_json
from edgenets.progress import Progress
from edgenets.recipe import Recipe
from edgenets.spec import AudioInput, ModelSpec, SplitShares, StepSpec
from edgenets.training import dataset, figures
from edgenets.training.trainer import Trainer

# Where a run keeps the words that its recipe has synthesised.
SYNTHETIC = "synthetic"


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    progress: Progress | None = None,
) -> runs.Run:
    """Train a recipe's model on recordings.

    Resumes where an interrupted training of the same recipe stopped. The same
    recipe, data, software and machine give the same model.

    Args:
        recipe: what to train.
        data: a folder of `LABEL/*.wav|flac|mp3`.
        out: the run folder; see `edgenets.runs` for what it gets.

    Raises:
        DataError: the data cannot be used.
        RecipeError: `out` holds a run of another recipe.
    """
    progress = progress or Progress()
    started = time.monotonic()
    if _claim(out, recipe):
        progress.say(f"{out}: trained already; remove the folder to train anew")
        spec = dataclasses.replace(runs.load(out).spec, decoding=recipe.decoding)
        write_json(out / runs.SPEC, records.to_plain(spec))
        return runs.load(out)
    splits = dataset.load(recipe, data, progress, out / SYNTHETIC)
    features = dataset.normalised(recipe.features, splits.train)
    streams = StreamMaker(
        splits.train, features, recipe.augment, recipe.model.frames_per_step,
        recipe.data.clip_seconds, recipe.schedule.clips_per_stream, recipe.seed,
    )  # fmt: skip
    trainer = Trainer(recipe, streams, out, progress)
    trainer.fit(
        dataset.features_of(splits.validation, features, recipe.data.clip_seconds),
        splits.validation.targets,
    )
    spec = _spec(recipe, features, splits.train.labels)
    test = _figures(trainer, splits.test, features, recipe)
    metrics = {
        "parameters": int(trainer.model.count_params()),
        "seconds": round(time.monotonic() - started, 1),
        "train": splits.train.counts(),
        "validation": _figures(trainer, splits.validation, features, recipe),
        "test": test,
    }
    runs.save(out, trainer.model, spec, recipe, metrics)
    matrix = np.array(test["confusion"])
    figures.curves(trainer.history.loss, trainer.history.validation_accuracy, out / "curves.png")
    figures.confusion(matrix, spec.labels, out / "confusion.png")
    trainer.clear()
    return runs.load(out)


def _claim(out: Path, recipe: Recipe) -> bool:
    """Make the run folder this recipe's, or refuse one that is another's; say if it is trained."""
    path = out / runs.RECIPE
    wanted = records.to_plain(recipe)
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        if _trained_part(found) != _trained_part(wanted):
            raise RecipeError(
                f"{out}: holds a run of another recipe, or of this one before it was changed; "
                f"choose another --out, or remove the folder"
            )
    write_json(path, wanted)
    return all((out / name).is_file() for name in (runs.MODEL, runs.SPEC, runs.METRICS))


def _trained_part(plain: dict[str, Any]) -> dict[str, Any]:
    """What of a recipe makes the model; the rest may change after training."""
    after = ("decoding", "quantize", "gate", "bundle", "description")
    return {name: value for name, value in plain.items() if name not in after}


def _spec(recipe: Recipe, features: AudioInput, labels: tuple[str, ...]) -> ModelSpec:
    return ModelSpec(
        name=recipe.name,
        task="keywords",
        labels=labels,
        input=features,
        decoding=recipe.decoding,
        step=StepSpec(frames=recipe.model.frames_per_step),
        split=SplitShares(recipe.data.validation, recipe.data.test),
    )


def _figures(
    trainer: Trainer, clips: ClipSet, features: AudioInput, recipe: Recipe
) -> dict[str, Any]:
    """Accuracy and confusion of the float model on one split."""
    frames = dataset.features_of(clips, features, recipe.data.clip_seconds)
    decided = trainer.posteriors(frames).argmax(axis=1)
    matrix = figures.confusion_matrix(clips.targets, decided, len(clips.labels))
    return {
        "accuracy": float(np.mean(decided == clips.targets)),
        "clips": len(clips),
        "confusion": matrix.tolist(),
    }
