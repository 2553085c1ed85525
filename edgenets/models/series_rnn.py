"""How series go on, by a recurrent network over stretches of readings.

The encoder of SegRNN (Lin et al. 2023, arXiv:2308.11200); all of the horizon is forecast at once,
at every stretch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.tasks.series.recipe import SeriesModelRecipe

from .recurrent import cell_of

if TYPE_CHECKING:
    import keras


def build(recipe: SeriesModelRecipe, outputs: int) -> keras.Model:
    """See `edgenets.models.build_series`."""
    layers = require("keras").layers
    stretches = layers.Input((None, recipe.segment), name="features")
    x = layers.Dense(recipe.embedding, activation="relu", name="embedding")(stretches)
    for i, units in enumerate(recipe.units):
        x = cell_of(recipe.cell)(units, return_sequences=True, name=f"{recipe.cell}_{i}")(x)
        x = layers.Dropout(recipe.dropout, name=f"dropout_{i}")(x)
    ahead = layers.Dense(outputs, kernel_initializer="zeros", name="logits")(x)
    return require("keras").Model(stretches, ahead, name="series_rnn")
