"""`train`: a recipe and a folder of data become a run folder."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgenets import records, runs
from edgenets.errors import EdgenetsError, RecipeError, RecordError
from edgenets.extras import ensure
from edgenets.files import Json, write_json
from edgenets.progress import Progress
from edgenets.recipe import parse
from edgenets.recipeparts import Recipe
from edgenets.tasks import task_of
from edgenets.training.trainer import clear

if TYPE_CHECKING:
    pass


def train(recipe: Recipe, data: Path, out: Path, progress: Progress | None = None) -> runs.Run:
    """Train a recipe's model on recordings, texts or images.

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
    there = [path for path in (out, out / runs.RECIPE) if path.exists()]
    before = _decoding_of(out)
    if _claim(out, recipe):
        progress.say(f"{out}: trained already; remove the folder to train anew")
        # The decoding may have changed since; it is no part of what was trained. What training
        # itself settled of it stays.
        spec, now = records.to_plain(runs.load(out).spec), records.to_plain(recipe.decoding)
        changed = {name: now[name] for name in now if now[name] != before.get(name)}
        write_json(out / runs.SPEC, {**spec, "decoding": {**spec["decoding"], **changed}})
        return runs.load(out)
    try:
        trained = task_of(recipe.task).train(recipe, data, out, progress)
    except EdgenetsError:
        _give_back(out, there)
        raise
    metrics = {"seconds": round(time.monotonic() - started, 1), **trained.metrics}
    runs.save(out, trained.model, trained.spec, recipe, metrics, trained.assets)
    clear(out)
    return runs.load(out)


def _decoding_of(out: Path) -> Json:
    """How the recipe of a run folder decodes; nothing where there is none."""
    path = out / runs.RECIPE
    found: Json = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    decoding: Json = found.get("decoding") or {}
    return decoding


def _claim(out: Path, recipe: Recipe) -> bool:
    """Make the run folder this recipe's, or refuse one that is another's; say if it is trained."""
    path = out / runs.RECIPE
    wanted = records.to_plain(recipe)
    if path.is_file():
        found = _with_defaults(json.loads(path.read_text(encoding="utf-8")))
        after = recipe.after_training
        if _without(found, after) != _without(wanted, after):
            raise RecipeError(
                f"{out}: holds a run of another recipe, or of this one before it was changed; "
                f"choose another --out, or remove the folder"
            )
    write_json(path, wanted)
    return all((out / name).is_file() for name in (runs.MODEL, runs.SPEC, runs.METRICS))


def _with_defaults(plain: Json) -> Json:
    """The same recipe with what it did not know of when it was written."""
    try:
        known: Json = records.to_plain(parse(plain))
        return known
    except RecordError:
        return plain


def _give_back(out: Path, there: list[Path]) -> None:
    """Leave nothing of a training that did not begin, nor take what was there before."""
    recipe = out / runs.RECIPE
    if recipe in there or [*out.iterdir()] != [recipe]:
        return
    recipe.unlink()
    if out not in there:
        out.rmdir()


def _without(plain: Json, after: tuple[str, ...]) -> Json:
    """What of a recipe makes the model."""
    return {name: value for name, value in plain.items() if name not in after}
