"""`train`: a recipe and a folder of data become a run folder."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

from edgenets import records, runs
from edgenets.errors import EdgenetsError, RecipeError, RecordError
from edgenets.extras import ensure
from edgenets.files import Json, write_json
from edgenets.progress import Progress
from edgenets.recipe import parse
from edgenets.recipeparts import Recipe
from edgenets.tasks import task_of
from edgenets.training.start import adopted
from edgenets.training.trainer import clear


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
        ModelError: there is no such network as the recipe goes on from.
        RecipeError: `out` holds a run of another recipe.
    """
    ensure("keras")
    progress = progress or Progress()
    started = time.monotonic()
    recipe = adopted(recipe, progress)
    there = [path for path in (out, out / runs.RECIPE) if path.exists()]
    before = _stored(out)
    if _claim(out, recipe, before):
        progress.say(f"{out}: trained already; remove the folder to train anew")
        # The decoding may have changed since; it is no part of what was trained. What training
        # itself settled of it stays.
        spec, now = records.to_plain(runs.load(out).spec), records.to_plain(recipe.decoding)
        known = (before or {}).get("decoding", {})
        changed = {name: now[name] for name in now if now[name] != known.get(name)}
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


def _stored(out: Path) -> Json | None:
    """The recipe of a run folder, if any, with what it did not know of when it was written."""
    path = out / runs.RECIPE
    if not path.is_file():
        return None
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    with contextlib.suppress(RecordError):  # else it is no recipe of today's
        found = records.to_plain(parse(found))
    return found


def _claim(out: Path, recipe: Recipe, found: Json | None) -> bool:
    """Make the run folder this recipe's, or refuse one that is another's; say if it is trained.

    Args:
        found: see `_stored`.
    """
    wanted = records.to_plain(recipe)
    after = recipe.after_training
    if found is not None and _without(found, after) != _without(wanted, after):
        raise RecipeError(
            f"{out}: holds a run of another recipe, or of this one before it was changed; "
            f"choose another --out, or remove the folder"
        )
    write_json(out / runs.RECIPE, wanted)
    return all((out / name).is_file() for name in (runs.MODEL, runs.SPEC, runs.METRICS))


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
