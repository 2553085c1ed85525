"""`edgenets recipe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgenets.cli.options import emit, json_option, table

if TYPE_CHECKING:
    from edgenets.recipekeys import Key


# What a shipped recipe says of its own data alone.
_OF_ITS_DATA = ("labels", "second", "foreground")


@click.group(
    epilog="""\b
Examples:
  edgenets recipe list
  edgenets recipe show image-classify
  edgenets recipe new parts --task classify > parts.toml
  edgenets recipe keys detect --table schedule"""
)
def command() -> None:
    """List, show and begin recipes, and explain their keys."""


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the recipes that come with edgenets."""
    from edgenets.recipe import load_recipe, shipped

    found = [load_recipe(name) for name in shipped()]
    if as_json:
        emit([{"name": r.name, "task": r.task, "description": r.description} for r in found])
        return
    rows = [(name, r.task, r.description) for name, r in zip(shipped(), found, strict=True)]
    table("Recipes", ("name", "task", "what it makes"), rows)
    click.echo("One of your own: edgenets recipe new NAME --task TASK > mine.toml")


@command.command()
@click.argument("recipe")
def show(recipe: str) -> None:
    """Print a recipe: a shipped one by its name, or a TOML file."""
    from edgenets.recipe import load_recipe, path_of

    load_recipe(recipe)  # whether it is one
    click.echo(path_of(recipe).read_text(encoding="utf-8"), nl=False)


@command.command()
@click.argument("name")
@click.option("--task", help="What the model is for.  [default: that of --like, else keywords]")
@click.option("--like", metavar="RECIPE", help="Begin with the settings of this one.")
def new(name: str, task: str | None, like: str | None) -> None:
    """Print a recipe with every key: its meaning, unit, range and default.

    Its own settings are those of the task's first shipped recipe, or of the one given.
    """
    from edgenets.errors import RecipeError
    from edgenets.limits import read_toml
    from edgenets.recipe import parse, path_of
    from edgenets.recipekeys import example_of, template

    path = path_of(like) if like is not None else example_of(task or "keywords")
    own = read_toml(path)
    known = str(own.get("task", "keywords"))
    if task is not None and task != known:
        raise RecipeError(f"--like {like} is for {known}, and --task says {task}")
    own |= {"description": ""}
    parse({**own, "name": name})  # whether the name is one
    # Whoever trains it says what its licences are, and a shipped recipe's data are not theirs.
    own["bundle"] = {k: v for k, v in own.get("bundle", {}).items() if "licence" not in k}
    if like is None and "data" in own:
        own["data"] = {k: v for k, v in own["data"].items() if k not in _OF_ITS_DATA}
    click.echo(template(name, known, own), nl=False)


@command.command()
@click.argument("task")
@click.option("--table", "only", help="The keys of this table alone, such as schedule.")
@json_option
def keys(task: str, only: str | None, as_json: bool) -> None:
    """Explain every key that recipes of a task may have."""
    from edgenets import records
    from edgenets.errors import RecipeError
    from edgenets.recipekeys import keys_of

    found = [key for key in keys_of(task) if only is None or key.table == only]
    if not found:
        tables = dict.fromkeys(key.table for key in keys_of(task) if key.table)
        raise RecipeError(f"{only}: recipes of {task} have no such table, but {', '.join(tables)}")
    if as_json:
        emit([{"key": key.path, **records.to_plain(key)} for key in found])
        return
    rows = [(key.path, _default(key), _meaning(key)) for key in found]
    table(f"Recipes of {task}", ("key", "default", "meaning"), rows)


def _default(key: Key) -> str:
    from edgenets.recipekeys import NEEDED, toml_value

    if key.default in (None, NEEDED):
        return "none" if key.default is None else NEEDED
    return toml_value(key.default)


def _meaning(key: Key) -> str:
    limits = f", {key.limits}" if key.limits else ""
    return f"{key.meaning} ({key.kind}{limits})".strip()
