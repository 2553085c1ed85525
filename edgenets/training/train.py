"""`train`: a recipe and a folder of data become a run folder."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenets import records, runs
from edgenets.errors import RecipeError
from edgenets.extras import ensure
from edgenets.files import write_json
from edgenets.progress import Progress
from edgenets.recipe import AnyRecipe
from edgenets.spec import ModelSpec
from edgenets.training.trainer import clear

if TYPE_CHECKING:
    import keras


# Task → what trains it. To add one: a module, and a line here.
_TRAININGS = {
    "keywords": "edgenets.tasks.keywords.training:train_keywords",
    "speech": "edgenets.tasks.speech.training:train_speech",
    "language": "edgenets.tasks.language.training:train_language",
    "text": "edgenets.tasks.text.training:train_text",
    "translation": "edgenets.tasks.translation.training:train_translation",
    "forecast": "edgenets.tasks.series.forecast_training:train_forecast",
    "anomaly": "edgenets.tasks.series.anomaly_training:train_anomaly",
    "classify": "edgenets.tasks.vision.training:train_pictures",
    "detect": "edgenets.tasks.vision.training:train_pictures",
    "segment": "edgenets.tasks.vision.training:train_pictures",
}


@dataclass(frozen=True)
class Trained:
    """What came of a training."""

    model: keras.Model
    spec: ModelSpec
    metrics: dict[str, Any]
    assets: Mapping[str, bytes] = field(default_factory=dict)  # files that the model needs beside


def train(recipe: AnyRecipe, data: Path, out: Path, progress: Progress | None = None) -> runs.Run:
    """Train a recipe's model on recordings, texts or pictures.

    Resumes where an interrupted training of the same recipe stopped. The same
    recipe, data, software and machine give the same model.

    Args:
        recipe: what to train.
        data: a folder in one of the layouts of the task: `LABEL/*.wav|flac|mp3`, those of
            `speech.utterances`, of `language.texts`, of `translation.pairs` or, for images, of
            `vision.data.layouts`.
        out: the run folder; see `edgenets.runs` for what it gets.

    Raises:
        DataError: the data cannot be used.
        RecipeError: `out` holds a run of another recipe.
    """
    ensure("keras")
    progress = progress or Progress()
    started = time.monotonic()
    if _claim(out, recipe):
        progress.say(f"{out}: trained already; remove the folder to train anew")
        # The decoding may have changed since; it is no part of what was trained.
        spec = {
            **records.to_plain(runs.load(out).spec),
            "decoding": records.to_plain(recipe.decoding),
        }
        write_json(out / runs.SPEC, spec)
        return runs.load(out)
    module, _, function = _TRAININGS[recipe.task].partition(":")
    trained: Trained = getattr(importlib.import_module(module), function)(
        recipe, data, out, progress
    )
    metrics = {"seconds": round(time.monotonic() - started, 1), **trained.metrics}
    runs.save(out, trained.model, trained.spec, recipe, metrics, trained.assets)
    clear(out)
    return runs.load(out)


def _claim(out: Path, recipe: AnyRecipe) -> bool:
    """Make the run folder this recipe's, or refuse one that is another's; say if it is trained."""
    path = out / runs.RECIPE
    wanted = records.to_plain(recipe)
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        after = recipe.after_training
        if _without(found, after) != _without(wanted, after):
            raise RecipeError(
                f"{out}: holds a run of another recipe, or of this one before it was changed; "
                f"choose another --out, or remove the folder"
            )
    write_json(path, wanted)
    return all((out / name).is_file() for name in (runs.MODEL, runs.SPEC, runs.METRICS))


def _without(plain: dict[str, Any], after: tuple[str, ...]) -> dict[str, Any]:
    """What of a recipe makes the model."""
    return {name: value for name, value in plain.items() if name not in after}
