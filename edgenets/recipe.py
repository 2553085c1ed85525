"""Recipes: one TOML says how a model is made, checked and used.

The shipped ones lie in `edgenets/recipes`; `edgenets zoo` lists them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from edgenets import records
from edgenets.errors import RecipeError, RecordError
from edgenets.files import Json
from edgenets.limits import read_toml
from edgenets.recipeparts import Recipe

RECIPES = Path(__file__).parent / "recipes"


def shipped() -> list[str]:
    """Names of the recipes that come with edgenets."""
    return sorted(p.stem for p in RECIPES.glob("*.toml"))


def load_recipe(source: str | Path, changes: Sequence[tuple[str, str]] = ()) -> Recipe:
    """Read a recipe from a TOML file, or a shipped one by its name.

    Args:
        changes: keys with their tables, such as `schedule.epochs`, and values as TOML writes them;
            a value that is no TOML is a text.

    Raises:
        RecipeError: there is no such file or name, the TOML is broken, or a change is none.
        RecordError: a key or value of it is wrong.
    """
    path = path_of(source)
    data = read_toml(path)
    for key, value in changes:
        _change(data, key, value)
    try:
        return parse(data)
    except RecordError as exc:
        raise RecordError(f"{path}{' as changed' if changes else ''}: {exc}") from exc


def path_of(source: str | Path) -> Path:
    """The file of a recipe.

    Raises:
        RecipeError: there is no such file or name.
    """
    path = Path(source)
    try:
        if not path.is_file():
            if str(source) not in shipped():
                raise RecipeError(
                    f"{source}: neither a file nor a shipped recipe ({', '.join(shipped())})"
                )
            path = RECIPES / f"{source}.toml"
    except OSError as exc:
        raise RecipeError(f"{source}: cannot be read: {exc.strerror}") from exc
    return path


def _change(data: Json, key: str, value: str) -> None:
    *tables, name = key.split(".")
    for table in tables:
        data = data.setdefault(table, {})
        if not isinstance(data, dict):
            raise RecipeError(f"{key}: {table} is no table of the recipe")
    try:
        data[name] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        data[name] = value


def parse(data: Json) -> Recipe:
    """A recipe of plain data; one that names no task is about keywords.

    Raises:
        RecordError: a key or value is wrong.
    """
    return records.parse(Recipe, data)
