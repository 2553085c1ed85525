"""Recurrent keyword spotting: a causal convolution, then GRU, LSTM or SimpleRNN layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.recipeparts import ModelRecipe

from .front import front
from .recurrent import recurrent

if TYPE_CHECKING:
    import keras


def build(recipe: ModelRecipe, bands: int, labels: int) -> keras.Model:
    """See `edgenets.models.build`."""
    layers = require("keras").layers
    features = layers.Input((None, bands), name="features")
    x = recurrent(front(recipe, features), recipe.cell, recipe.units, recipe.dropout)
    logits = layers.Dense(labels, name="logits")(x)
    return require("keras").Model(features, logits, name="kws_gru")
