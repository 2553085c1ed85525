"""How series go on, by causal convolutions over stretches of readings, each block residual.

A temporal convolutional network (Bai et al. 2018, arXiv:1803.01271) over stretches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.tasks.series.recipe import SeriesModelRecipe

if TYPE_CHECKING:
    import keras


# What is dropped inside blocks, of what is dropped before the forecast.
_INSIDE = 0.6


def build(recipe: SeriesModelRecipe, outputs: int) -> keras.Model:
    """See `edgenets.models.build_series`."""
    layers = require("keras").layers
    stretches = layers.Input((None, recipe.segment), name="features")
    x = layers.Dense(recipe.channels, activation="relu", name="embedding")(stretches)
    for i, dilation in enumerate(recipe.dilations):
        entry = x
        x = layers.Conv1D(
            recipe.channels,
            recipe.kernel,
            dilation_rate=dilation,
            padding="causal",
            activation="relu",
            name=f"conv_{i}",
        )(x)
        x = layers.Dropout(_INSIDE * recipe.dropout, name=f"dropout_{i}")(x)
        x = layers.Dense(recipe.channels, name=f"pointwise_{i}")(x)
        x = layers.Add(name=f"add_{i}")([entry, x])
    x = layers.Dropout(recipe.dropout, name="dropout_head")(x)
    ahead = layers.Dense(outputs, kernel_initializer="zeros", name="logits")(x)
    return require("keras").Model(stretches, ahead, name="series_cnn")
