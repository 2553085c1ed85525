"""The next reading, from a series' seasonal profile: recurrent layers, the profile beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.models.recurrent import recurrent
from edgenets.tasks.series.recipe import SeasonalModelRecipe
from edgenets.tasks.series.seasonal_profile import NUMBERS

if TYPE_CHECKING:
    import keras


def build(recipe: SeasonalModelRecipe, outputs: int) -> keras.Model:
    """See `edgenets.models.build_series`."""
    layers = require("keras").layers
    seasonal = layers.Input((None, NUMBERS), name="features")
    x = recurrent(seasonal, recipe.cell, recipe.units, 0.0)
    # Two products and a sum, not one product of both: each keeps a scale of its own in integers.
    x = layers.Dense(outputs, name="from_state")(x)
    direct = layers.Dense(outputs, use_bias=False, name="from_habits")(seasonal)
    return require("keras").Model(
        seasonal, layers.Add(name="logits")([x, direct]), name="habits_rnn"
    )
