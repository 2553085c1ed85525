"""What the commands that train have in common: options that change a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.options import AnyData, F

if TYPE_CHECKING:
    from edgenets.recipeparts import Recipe


def recipe_of(
    name: str, columns: tuple[str, ...] | None, negatives: tuple[Path, ...], start: str | None
) -> Recipe:
    """The recipe of a name or a file, as the options have it.

    Raises:
        RecipeError: there is none, or it has no use for an option.
    """
    from edgenets.recipe import load_recipe

    found = load_recipe(name)
    if columns is not None:
        found = found.with_columns(columns)
    if negatives:
        found = found.with_negatives(negatives)
    if start is not None:
        found = found.with_start(start)
    return found


def negatives_option(function: F) -> F:
    """Add `--negatives` to a command that trains."""
    return click.option(
        "--negatives",
        multiple=True,
        type=AnyData,
        help="Recordings in which no word is said, or a folder of them, to train on as well "
        "(words); may be given several times.",
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
