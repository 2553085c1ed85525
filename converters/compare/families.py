"""Which networks are compared, and how they are brought to one size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenets import models
from edgenets.errors import RecipeError
from edgenets.recipe import load_recipe
from edgenets.recipeparts import Recipe

if TYPE_CHECKING:
    from keras import Model

FAMILIES = ("cnn", "gru", "lstm", "rnn")

# The narrowest and the widest network that is looked for.
_WIDTHS = (4, 1024)


@dataclass(frozen=True)
class _Base:
    """A task's shipped recipes, and what makes their networks wide."""

    recurrent: str
    convolutional: str
    # A model recipe of a family and a width.
    recurrent_model: Callable[[Any, str, int], Any]
    convolutional_model: Callable[[Any, int], Any]
    epochs: int  # enough for the families to part, in minutes


_BASES = {
    "keywords": _Base(
        "kws-gru",
        "kws-dscnn",
        lambda model, cell, width: replace(model, cell=cell, units=(width, width)),
        lambda model, width: replace(model, channels=(width,) * len(model.channels)),
        28,
    ),
    "text": _Base(
        "text-sentiment",
        "text-sentiment-cnn",
        lambda model, cell, width: replace(model, cell=cell, units=(width,)),
        lambda model, width: replace(model, channels=width),
        5,
    ),
    "series": _Base(
        "forecast",
        "forecast-cnn",
        lambda model, cell, width: replace(model, cell=cell, units=(width,)),
        lambda model, width: replace(model, channels=width),
        8,
    ),
}

TASKS = tuple(_BASES)


def recipe_of(task: str, family: str, parameters: int | None, epochs: int | None) -> Recipe:
    """A family's recipe for a task: its network has about so many parameters.

    Args:
        parameters: None: as many as the recurrent network has that is shipped for the task.
        epochs: None: few, as a comparison needs them.

    Raises:
        RecipeError: no width of that family comes near the size.
    """
    base = _BASES[task]
    recipe: Any = load_recipe(base.recurrent)
    target = parameters or count(recipe)
    if family == "cnn":  # another network, and all else as the recurrent ones have it
        model: Any = load_recipe(base.convolutional).model
        recipe = replace(recipe, model=replace(model, dropout=recipe.model.dropout))

    def of_width(width: int) -> Any:
        if family == "cnn":
            return replace(recipe, model=base.convolutional_model(recipe.model, width))
        return replace(recipe, model=base.recurrent_model(recipe.model, family, width))

    low, high = _WIDTHS
    while low < high:  # the narrowest that is not smaller
        middle = (low + high) // 2
        if count(of_width(middle)) < target:
            low = middle + 1
        else:
            high = middle
    widths = [width for width in (low - 1, low) if width >= _WIDTHS[0]]
    sizes = {width: count(of_width(width)) for width in widths}
    best = min(sizes, key=lambda width: abs(sizes[width] - target))
    if abs(sizes[best] - target) > 0.25 * target:
        raise RecipeError(
            f"a model of the family {family} for {task} has {sizes[best]:,} parameters at least or "
            f"at most; {target:,} are out of its reach"
        )
    made = replace(of_width(best), name=f"{task}-{family}")
    if task == "keywords":  # synthesized words take minutes to make, and are no part of this
        made = replace(made, data=replace(made.data, synthetic=0))
    return made.with_epochs(epochs or base.epochs)  # type: ignore[no-any-return]


def without_pooling(recipe: Any) -> Recipe | None:
    """A convolutional model's recipe with no pooling over time; None where it cannot be."""
    if recipe.task != "keywords" or recipe.model.architecture != "kws-dscnn":
        return None
    made: Recipe = replace(
        recipe, name=f"{recipe.name}-unpooled", model=replace(recipe.model, pool=1)
    )
    return made


def fitted(recipe: Any, data: Path) -> Recipe:
    """A recipe for data of the user's own: what names the shipped data alone is left open."""
    made: Recipe = recipe
    if recipe.task == "text":
        have = {path.stem if path.is_file() else path.name for path in data.glob("*")}
        if not set(recipe.data.labels or ()) <= have:
            made = replace(recipe, data=replace(recipe.data, labels=None))
    if recipe.task == "forecast" and data.is_dir() and not (data / recipe.data.file).is_file():
        made = replace(recipe, data=replace(recipe.data, file=None, rows=None))
    return made


# Labels and words of the data that the networks are shipped for: sizes are compared with them.
_LABELS, _WORDS = 12, 9000


def count(recipe: Any) -> int:
    """Parameters of a recipe's network, of the size of vocabulary and output that it has here."""
    return int(build(recipe).count_params())


def build(recipe: Any, labels: int = _LABELS, tokens: int = _WORDS) -> Model:
    """An untrained network of a recipe.

    Args:
        labels: of a model that has some.
        tokens: in the vocabulary of a model that reads.
    """
    if recipe.task == "keywords":
        return models.build(recipe.model, recipe.features.bands, labels)
    if recipe.task == "text":
        return models.build_tokens(recipe.model, tokens, 2)
    quantiles = len(recipe.decoding.quantiles)
    return models.build_series(recipe.model, recipe.decoding.horizon * (1 + quantiles))
