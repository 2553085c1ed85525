"""What comes next, from a series' habits: recurrent layers, and the habits beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.tasks.series.habits import NUMBERS
from edgenets.tasks.series.recipe import HabitModelRecipe

from .recurrent import recurrent

if TYPE_CHECKING:
    import keras


def build(recipe: HabitModelRecipe, outputs: int) -> keras.Model:
    """See `edgenets.models.build_series`."""
    layers = require("keras").layers
    habits = layers.Input((None, NUMBERS), name="features")
    x = recurrent(habits, recipe.cell, recipe.units, 0.0)
    # Two products and a sum, not one product of both: each keeps a scale of its own in integers.
    x = layers.Dense(outputs, name="from_state")(x)
    direct = layers.Dense(outputs, use_bias=False, name="from_habits")(habits)
    return require("keras").Model(habits, layers.Add(name="logits")([x, direct]), name="habits_rnn")
