"""Recipes: one TOML says how a model is made, checked and used.

The shipped ones lie in `edgenets/recipes`; `edgenets zoo` lists them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from edgenets import records
from edgenets.errors import RecipeError, RecordError
from edgenets.recipeparts import (
    AugmentRecipe,
    ModelRecipe,
    Schedule,
    StepRecipe,
    check_range,
    check_shares,
)
from edgenets.spec import AudioInput, KeywordDecoding
from edgenets.tasks.language.recipe import LanguageRecipe, TextRecipe
from edgenets.tasks.series.recipe import AnomalyRecipe, ForecastRecipe
from edgenets.tasks.speech.recipe import SpeechRecipe
from edgenets.tasks.translation.recipe import TranslationRecipe
from edgenets.tasks.vision.recipe import ImageRecipe

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class DataRecipe:
    """Which recordings, and how they are divided."""

    labels: tuple[str, ...] | None = None  # None: every folder of the data is a label
    clip_seconds: float = 1.0  # recordings are cut or padded to this
    validation: float = 0.1  # fraction of the speakers
    test: float = 0.15  # fraction of the speakers
    synthetic: int = 0  # synthesised clips a word that are added to training, and to it alone

    def __post_init__(self) -> None:
        check_range(self, 0.1, 60, "clip_seconds")
        check_range(self, 0, 1, "validation", "test")
        check_range(self, 0, 100_000, "synthetic")
        check_shares(self, "no speaker")


@dataclass(frozen=True)
class ScheduleRecipe(Schedule):
    """How long and how fast; an item is a stream."""

    clips_per_stream: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, 1, 1_000_000, "clips_per_stream")


@dataclass(frozen=True)
class Recipe(StepRecipe):
    """All that `edgenets train` needs besides data."""

    model: ModelRecipe
    task: Literal["keywords"] = "keywords"
    data: DataRecipe = field(default_factory=DataRecipe)
    features: AudioInput = field(default_factory=AudioInput)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe, kw_only=True)
    decoding: KeywordDecoding = field(default_factory=KeywordDecoding)


# A recipe, by its task.
AnyRecipe = (
    Recipe
    | SpeechRecipe
    | LanguageRecipe
    | TextRecipe
    | TranslationRecipe
    | ForecastRecipe
    | AnomalyRecipe
    | ImageRecipe
)


def shipped() -> list[str]:
    """Names of the recipes that come with edgenets."""
    return sorted(p.stem for p in RECIPES.glob("*.toml"))


def load_recipe(source: str | Path) -> AnyRecipe:
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
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise RecipeError(f"{source}: cannot be read: {exc.strerror}") from exc
    # ValueError: also of bytes that are no UTF-8, and of numbers with thousands of digits.
    except (ValueError, RecursionError) as exc:
        raise RecipeError(f"{path}: not valid TOML: {exc}") from exc
    try:
        return parse(data)
    except RecordError as exc:
        raise RecordError(f"{path}: {exc}") from exc


def parse(data: dict[str, Any]) -> AnyRecipe:
    """A recipe of plain data; one that names no task is about keywords.

    Raises:
        RecordError: a key or value is wrong.
    """
    recipe: AnyRecipe = records.parse(AnyRecipe, {"task": "keywords", **data})  # type: ignore[arg-type]
    return recipe
