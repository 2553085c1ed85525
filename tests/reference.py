"""Writes docs/recipes.md, the reference of all keys of recipes, from the records themselves."""

from __future__ import annotations

from pathlib import Path

from edgenets import tasks
from edgenets.recipekeys import reference

REFERENCE = Path(__file__).parents[1] / "docs" / "recipes.md"

_HEAD = """# Keys of recipes

Made from the records that recipes are read into (`make docs-recipes`). At the terminal:
`edgenets recipe keys TASK`; a recipe of your own with all of them:
`edgenets recipe new NAME --task TASK > mine.toml`. `train` and `build` take
`--set TABLE.KEY=VALUE` as well.

"""


def made() -> str:
    """The whole text."""
    return _HEAD + "\n".join(reference(task) for task in tasks.TASKS)


if __name__ == "__main__":
    REFERENCE.write_text(made(), encoding="utf-8")
