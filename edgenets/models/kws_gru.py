"""Keyword spotting by a recurrent net: a causal convolution, then GRU, LSTM or SimpleRNN layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.recipeparts import ModelRecipe

from .front import front

if TYPE_CHECKING:
    import keras


def build(recipe: ModelRecipe, bands: int, labels: int) -> keras.Model:
    """See `edgenets.models.build`."""
    layers = require("keras").layers
    cells = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.SimpleRNN}
    features = layers.Input((None, bands), name="features")
    x = front(recipe, features)
    for i, units in enumerate(recipe.units):
        x = layers.Dropout(recipe.dropout, name=f"dropout_{i}")(x)
        x = cells[recipe.cell](units, return_sequences=True, name=f"{recipe.cell}_{i}")(x)
    x = layers.Dropout(recipe.dropout, name="dropout_head")(x)
    logits = layers.Dense(labels, name="logits")(x)
    return require("keras").Model(features, logits, name="kws_gru")
