"""What the commands that train have in common: options that change a recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.options import AnyData, F

if TYPE_CHECKING:
    from edgenets.recipeparts import Recipe


def recipe_of(
    source: str,
    columns: tuple[str, ...] | None,
    negatives: tuple[Path, ...],
    start: str | None,
    changes: tuple[tuple[str, str], ...] = (),
    name: str | None = None,
    teacher: tuple[str | None, Path | None] = (None, None),
) -> Recipe:
    """The recipe of a name or a file, as the options have it.

    Raises:
        RecipeError: there is none, or it has no use for an option.
    """
    from edgenets.recipe import load_recipe

    changes = (
        *changes,
        *([("name", json.dumps(name, ensure_ascii=False))] if name is not None else []),
    )
    found = load_recipe(source, changes)
    if columns is not None:
        found = found.with_columns(columns)
    if negatives:
        found = found.with_negatives(negatives)
    if start is not None:
        found = found.with_start(start)
    taught_by, images = teacher
    if taught_by is not None:
        found = found.with_teacher(taught_by, images)
    elif images is not None:
        raise click.UsageError("--unlabeled needs --teacher, which says what is on its images")
    return found


class Change(click.ParamType):  # type: ignore[type-arg]
    """`KEY=VALUE`."""

    name = "change"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Divide it; a default is divided already."""
        if isinstance(value, tuple):
            return value
        key, equals, setting = str(value).partition("=")
        if not equals or not key.strip() or not setting.strip():
            self.fail(f"{value!r}: KEY=VALUE is needed, such as schedule.epochs=40", param, ctx)
        return key.strip(), setting.strip()


def change_options(function: F) -> F:
    """Add `--set` and `--name` to a command that trains."""
    function = click.option(
        "--name", help="What the model, its run folder and its bundle are called."
    )(function)
    return click.option(
        "--set",
        "changes",
        multiple=True,
        type=Change(),
        metavar="KEY=VALUE",
        help="Another value than the recipe's, such as schedule.epochs=40; may be given several "
        "times. See `edgenets recipe keys`.",
    )(function)


def negatives_option(function: F) -> F:
    """Add `--negatives` to a command that trains."""
    return click.option(
        "--negatives",
        multiple=True,
        type=AnyData,
        help="Recordings in which no word is said, or a folder of them, to train on as well "
        "(words); may be given several times.",
    )(function)


def teacher_options(function: F) -> F:
    """Add `--teacher` and `--unlabeled` to a command that trains."""
    function = click.option(
        "--unlabeled",
        type=AnyData,
        help="A folder of images without labels, of which the teacher says what they show.",
    )(function)
    return click.option(
        "--teacher",
        metavar="RUN|BUNDLE",
        help="Learn as well what a larger network answers (images).",
    )(function)


def start_option(function: F) -> F:
    """Add `--from` to a command that trains."""
    return click.option(
        "--from",
        "start",
        metavar="RUN|BUNDLE",
        help="Go on from a network that was trained before: a run folder, a bundle that carries "
        "its weights, or the name of a shipped one (sound).",
    )(function)
