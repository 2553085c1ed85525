"""Recipes: one TOML says how a model is made, checked and used.

The shipped ones lie in `edgenets/recipes`; `edgenets zoo` lists them.
"""

from __future__ import annotations

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


def load_recipe(source: str | Path) -> Recipe:
    """Read a recipe from a TOML file, or a shipped one by its name.

    Raises:
        RecipeError: there is no such file or name, or the TOML is broken.
        RecordError: a key or value of it is wrong.
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
    data = read_toml(path)
    try:
        return parse(data)
    except RecordError as exc:
        raise RecordError(f"{path}: {exc}") from exc


def parse(data: Json) -> Recipe:
    """A recipe of plain data; one that names no task is about keywords.

    Raises:
        RecordError: a key or value is wrong.
    """
    return records.parse(Recipe, data)
