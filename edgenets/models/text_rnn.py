"""What a text is, by a recurrent network: the state that it ends in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.tasks.language.recipe import TokenModelRecipe

from .recurrent import cell_of
from .text_cnn import embedded, sorted_by

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor


def build(recipe: TokenModelRecipe, tokens: int, scores: int) -> keras.Model:
    """See `edgenets.models.build_tokens`."""
    numbers, x = embedded(recipe, tokens)
    return sorted_by(numbers, [last_state(recipe, x)], recipe, scores, "text_rnn")


def last_state(recipe: TokenModelRecipe, x: KerasTensor) -> KerasTensor:
    """(batch, tokens, numbers) to (batch, units of the last layer)."""
    cell = cell_of(recipe.cell)
    for i, units in enumerate(recipe.units):
        goes_on = i + 1 < len(recipe.units)
        x = cell(units, return_sequences=goes_on, name=f"{recipe.cell}_{i}")(x)
    return x
