"""Making models: train, convert, verify, pack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgenets import recipe, runs
from edgenets.arrays import Array
from edgenets.artifact import FORMATS, PRECISIONS, Format, Precision, id_of
from edgenets.bundle import Bundle
from edgenets.errors import RecipeError
from edgenets.progress import Progress
from edgenets.recipeparts import Recipe

if TYPE_CHECKING:
    import keras
    import torch

    from edgenets.converters.formats import Converted
    from edgenets.converters.image_import import Imported
    from edgenets.converters.microwakeword_export import Exported
    from edgenets.converters.own.bundle import Own
    from edgenets.converters.own.options import OwnOptions
    from edgenets.converters.verify.verdicts import Report
    from edgenets.tasks.vision.spec import ImageTask


def train(
    recipe_name: str | Path, data: str | Path, out: str | Path, progress: Progress | None = None
) -> runs.Run:
    """Train a recipe on labeled recordings or images; see `edgenets.training.train.train`."""
    from edgenets.training.train import train as train_model

    found: runs.Run = train_model(recipe.load_recipe(recipe_name), Path(data), Path(out), progress)
    return found


def aware(model: keras.Model) -> keras.Model:
    """A model that is rounded as it trains, of the same layers; see `edgenets.training.aware`.

    Train what is returned, convert it, or `model`: their weights are the same.
    """
    from edgenets.training import aware as rounding

    return rounding.aware(model)


def convert(
    model: keras.Model | torch.nn.Module | str | Path,
    calibration: Array | Sequence[torch.Tensor] | None = None,
    to: Sequence[Format] = FORMATS,
    precisions: Sequence[Precision] = PRECISIONS,
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
) -> Converted:
    """Convert a run folder's model, a Keras model or a PyTorch module.

    Recurrent and causal models become step artifacts, others are converted as a whole.

    Args:
        model: a run folder of `train`, into whose `artifacts/` it is converted; a Keras model, with
            layers of one's own too; a PyTorch module; or the path of a `.keras` file.
        calibration: (items, …) of a model of one's own, needed for int8 and int16x8 alone; or, of a
            PyTorch module, a tuple of tensors that it takes, to be traced by.
        data: what a run folder's model was trained on; likewise.
        out: a folder for a model of one's own and its artifacts, for `verify` and `bundle_model`;
            None: nothing is written.

    Returns:
        the artifacts, and what is missing.

    Raises:
        ModelError: the file or the folder cannot be read.
        ConversionError: nothing could be converted, or integers are wanted without data.
    """
    from edgenets.converters.project import convert_run
    from edgenets.converters.routes import memory

    if isinstance(model, (str, Path)):
        if Path(model).is_dir():
            given = None if data is None else Path(data)
            return convert_run(runs.load(Path(model)), given, to, precisions)
        model = runs.load_keras(Path(model))
    folder = None if out is None else Path(out)
    source = memory.source_of(model, calibration, folder)
    items = calibration if isinstance(calibration, np.ndarray) else None
    return memory.convert(source, items, to, precisions, folder)


def verify(
    run: str | Path,
    data: str | Path,
    progress: Progress | None = None,
    *,
    mixed_precision: bool = False,
) -> Report:
    """Hold a run folder's artifacts against the model that they were made of.

    Writes `report.json` and `report.html` into the folder.

    Args:
        run: a run folder that was converted.
        data: as it was trained on; its validation split is taken.
        mixed_precision: of integer artifacts that fail, keep the fewest layers in float with which
            they pass.

    Raises:
        ModelError: nothing was converted.
        DataError: the data cannot be used.
    """
    from edgenets.converters.project import search_run, verify_run

    opened = runs.load(Path(run))
    report = verify_run(opened, Path(data), progress)
    if mixed_precision and not report.passed:
        _, report = search_run(opened, Path(data), progress)
    return report


def pack(run: str | Path, out: str | Path, only: Sequence[str] | None = None) -> Bundle:
    """Pack a run folder's artifacts that passed into one `.edge` file.

    Args:
        only: ids of the artifacts to take; None: those of the recipe, or all that passed.

    Raises:
        ModelError: they were not verified.
        GateFailed: none passed, or one that is to be taken did not.
    """
    from edgenets.converters.project import pack_run

    return pack_run(runs.load(Path(run)), Path(out), only)


def export_microwakeword(
    run: str | Path,
    data: str | Path,
    out: str | Path,
    word: str | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write a trained word as a microWakeWord model, for ESP32 devices with ESPHome.

    Args:
        run: a run folder of `train`, by a recipe whose features are those of the micro frontend.
        data: what it was trained on, to calibrate and to verify by.
        out: a folder for `WORD.tflite` and `WORD.json`.
        word: of those that it hears; None: the only one.

    Raises:
        ConversionError: it is no such model; the message says what is missing.
        GateFailed: what was written does not decide as the model does.
        MissingExtra: a package that is needed is not installed.
    """
    from edgenets.converters.microwakeword_export import export

    return export(runs.load(Path(run)), Path(data), Path(out), word, progress)


def bundle_model(
    folder: str | Path,
    task: str,
    out: str | Path,
    options: OwnOptions | None = None,
    *,
    only: Sequence[str] | None = None,
) -> Own:
    """Pack what passed of a model of one's own into one `.edge` file, with the proof.

    Args:
        folder: that `edgenets convert` and `edgenets verify` filled.
        task: what the model is for, such as `keywords`.
        options: how its input is made, and its labels; see `edgenets.converters.own.options`. What
            was said to `convert` need not be said again.
        only: ids of the artifacts to take; None: all that passed.

    Returns:
        the bundle, what was guessed for it, and how its front end compares with a reference.

    Raises:
        ModelError: it was not verified, or is no model of such a task.
        RecordError: the front file says something wrong.
        GateFailed: no artifact passed, or the front end is another than the reference's.
    """
    from edgenets.converters.own.bundle import bundle_folder
    from edgenets.converters.own.options import OwnOptions

    said = replace(options or OwnOptions(task), task=task)
    return bundle_folder(Path(folder), Path(out), said, only)


@dataclass(frozen=True)
class Built:
    """A recipe's model, all the way to a bundle."""

    run: runs.Run
    report: Report  # of the gate; what failed it is not in the bundle
    bundle: Bundle


def build(
    recipe_name: str | Path | Recipe, data: str | Path, out: str | Path, *,
    run_folder: str | Path | None = None, to: Sequence[Format] = FORMATS,
    precisions: Sequence[Precision] = PRECISIONS, only: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Built:  # fmt: skip
    """Train a recipe, convert, verify, and pack what passed.

    Args:
        recipe_name: a TOML file, the name of a shipped recipe, or a recipe.
        data: labeled recordings, images, texts or tables.
        out: the `.edge` file.
        run_folder: None: `runs/NAME`.
        only: ids of the artifacts to pack; None: those of the recipe, or all that passed.

    Raises:
        RecipeError: the recipe is wrong.
        DataError: the data cannot be used.
        GateFailed: no artifact passed, or one of `only` did not.
    """
    from edgenets.converters.project import convert_run, pack_run, verify_run
    from edgenets.training.train import train as train_model

    given = recipe_name
    found = given if isinstance(given, Recipe) else recipe.load_recipe(given)
    _check_wanted(found, only, [id_of(format, one) for format in to for one in precisions])
    folder = Path(run_folder) if run_folder is not None else Path("runs") / found.name
    made = train_model(found, Path(data), folder, progress)
    convert_run(made, Path(data), to, precisions, progress)
    report = verify_run(made, Path(data), progress)
    return Built(made, report, pack_run(made, Path(out), only))


def _check_wanted(found: Recipe, only: Sequence[str] | None, made: Sequence[str]) -> None:
    """Refuse, before anything is trained, to bundle what would not be made.

    Raises:
        RecipeError: see above.
    """
    wanted = found.bundle.artifacts if only is None else tuple(only)
    missing = [id for id in wanted or () if "-".join(id.split("-")[:2]) not in made]
    if missing:
        where = "the recipe's [bundle]" if only is None else "--only"
        raise RecipeError(
            f"{where} wants {', '.join(missing)}, which these formats and precisions do not make; "
            f"give more of them (--to, --precision), or --only what is to be bundled"
        )


def import_model(
    model: str | Path,
    out: str | Path,
    task: ImageTask | None = None,
    labels: str | Path | None = None,
) -> Imported:
    """Make a bundle of a third-party model.

    Args:
        model: a `.tflite` or `.onnx` model of images, or the `.json` of a microWakeWord model.
        task: of a model of images; None: as its metadata say (Ultralytics).
        labels: a file of them, a line each.

    Returns:
        the bundle, and what was guessed of the model's preprocessing.

    Raises:
        ModelError: it is no such model.
    """
    from edgenets.converters.image_import import ImportOptions
    from edgenets.converters.importing import import_apart

    if Path(model).suffix == ".json":
        return import_apart(Path(model), Path(out), None)
    named = None if labels is None else Path(labels)
    return import_apart(Path(model), Path(out), ImportOptions(task=task, labels=named))
