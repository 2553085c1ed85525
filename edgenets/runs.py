"""Run folders: what a training leaves, and what conversion starts from.

model.keras      the trained model
spec.json        its ModelSpec
recipe.json      the recipe it was made by
metrics.json     its figures, confusion matrix included
pieces.model     of models that translate: what divides text; see `StreamSpec.assets`
curves.png …    images of the training
weights.…        what a training can go on from without Keras's file; see `edgenets.weights`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from edgenets import records, weights
from edgenets.errors import ModelError, RecordError, first_line
from edgenets.extras import require
from edgenets.files import Json, replacing, write_json
from edgenets.metrics import metric_of
from edgenets.recipeparts import Recipe
from edgenets.spec import ModelSpec, spec_as

if TYPE_CHECKING:
    import keras

MODEL = "model.keras"
SPEC = "spec.json"
RECIPE = "recipe.json"
METRICS = "metrics.json"

R = TypeVar("R")
S = TypeVar("S", bound=ModelSpec)

# What a test split is counted in.
_KINDS = (
    "clips", "images", "strings", "tokens", "texts", "sentences", "windows", "readings",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A trained model with all that is known about it."""

    folder: Path
    spec: ModelSpec
    recipe: Recipe
    metrics: Json

    @property
    def metric(self) -> str:
        """What the task is measured by, such as `accuracy`; see `edgenets.metrics`."""
        return str(self.metrics["metric"])

    @property
    def judged(self) -> str:
        """The split by which the model is judged: the test, or validation where none was kept."""
        return "test" if self._counted("test")[0] else "validation"

    @property
    def headline(self) -> str:
        """The figure of the split by which it is judged, in words."""
        count, kind = self.test_size
        figure = metric_of(self.metric).shown(self.metrics[self.judged][self.metric])
        said = f"{self.metric} {figure} on {count:,} {kind}"
        return f"{heard}, {said}" if (heard := self.heard(self.judged)) else said

    def heard(self, split: str) -> str:
        """What was heard on streams of a split, in words; empty where none were listened to."""
        found = self.metrics[split]
        if not found.get("hours"):
            return ""
        low, high = found["per_hour_95"]
        return (
            f"recall {found['recall']:.1%} at {found['per_hour']:.1f} false accepts an hour (95 %: "
            f"{low:.1f} to {high:.1f})"
        )

    @property
    def test_size(self) -> tuple[int, str]:
        """How many items the split has by which it is judged, and what they are."""
        return self._counted(self.judged)

    def _counted(self, split: str) -> tuple[int, str]:
        found = self.metrics[split]
        kind = next(k for k in _KINDS if k in found)
        return found[kind], kind

    def recipe_as(self, kind: type[R]) -> R:
        """The recipe, which is of the kind that its task has.

        Raises:
            ModelError: it is another's.
        """
        if not isinstance(self.recipe, kind):
            raise ModelError(f"{self.folder}: its recipe is not for {self.spec.task}, its spec is")
        return self.recipe

    def spec_as(self, kind: type[S]) -> S:
        """The spec, which is of the kind that its task has; errors as `edgenets.spec.spec_as`."""
        return spec_as(self.spec, kind)

    def assets(self) -> dict[str, bytes]:
        """The files that the model needs beside itself, by name; a bundle carries them.

        Raises:
            ModelError: one is missing.
        """
        try:
            return {name: (self.folder / name).read_bytes() for name in self.spec.assets}
        except OSError as exc:
            raise ModelError(f"{exc.filename}: {exc.strerror}; train the model again") from exc

    def weights(self) -> dict[str, bytes]:
        """What a bundle carries for a training to go on from; nothing where this is an old run."""
        paths = [self.folder / name for name in (weights.INDEX, weights.ARRAYS)]
        return {p.name: p.read_bytes() for p in paths} if all(p.is_file() for p in paths) else {}

    def model(self) -> keras.Model:
        """Read the Keras model."""
        return load_keras(self.folder / MODEL)


def save(
    folder: Path, model: keras.Model, spec: ModelSpec, recipe: Recipe, metrics: Json,
    assets: Mapping[str, bytes],
) -> None:  # fmt: skip
    """Write a run folder."""
    plain_spec, plain_recipe = records.to_plain(spec), records.to_plain(recipe)
    network = weights.Index(spec.task, plain_recipe["model"], plain_spec["input"])
    layers = weights.layers_of(model)
    for name, data in {**assets, **weights.stored(network, layers)}.items():
        with replacing(folder / name) as beside:
            beside.write_bytes(data)
    with replacing(folder / MODEL) as beside:
        model.save(beside)
    write_json(folder / SPEC, plain_spec)
    write_json(folder / RECIPE, plain_recipe)
    write_json(folder / METRICS, metrics)


def load(folder: Path) -> Run:
    """Open a run folder, without reading the model yet.

    Raises:
        ModelError: it is no run folder, or one of its files is broken.
    """
    if folder.name == MODEL:
        folder = folder.parent
    if not (folder / MODEL).is_file():
        raise ModelError(f"{folder}: no {MODEL} in it; a run folder of `edgenets train` is needed")
    return Run(
        folder,
        _read(folder / SPEC, ModelSpec),
        _read(folder / RECIPE, Recipe),
        _metrics(folder / METRICS),
    )


def load_keras(path: Path) -> keras.Model:
    """Read a `.keras` file; nothing stored in it is executed.

    Raises:
        ModelError: the file is missing, damaged, or would need code of its own.
    """
    load_model = require("keras").models.load_model
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    try:
        model = load_model(path, compile=False, safe_mode=True)
    except Exception as exc:  # Keras raises ValueError, TypeError, OSError, KeyError, zip errors …
        raise ModelError(f"{path}: Keras cannot read it: {first_line(exc)[:200]}") from exc
    return cast("keras.Model", model)


def _metrics(path: Path) -> Json:
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ModelError(f"{path}: {exc}") from exc
    if not isinstance(metrics, dict):
        raise ModelError(f"{path}: no JSON object")
    for part in metrics.values():  # versions before counted images under another name
        if isinstance(part, dict) and "pictures" in part:
            part["images"] = part.pop("pictures")
    return metrics


def _read(path: Path, cls: Any) -> Any:
    try:
        return records.parse(cls, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, RecordError) as exc:
        raise ModelError(f"{path}: {exc}") from exc
