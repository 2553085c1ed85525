"""Keyword spotting by a causal depthwise-separable CNN.

The network of "Hello Edge" (Zhang et al. 2017, arXiv:1711.07128) turned causal: after a
front over time and bands (`front.py`), convolutions run over time alone, residual
where the width allows, and the head averages over the last steps.
"""

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
    features = layers.Input((None, bands), name="features")
    x = front(recipe, features)
    for i, (channels, dilation) in enumerate(zip(recipe.channels, recipe.dilations, strict=True)):
        entry = x
        # DepthwiseConv1D has no causal padding of its own.
        x = layers.ZeroPadding1D(((recipe.kernel - 1) * dilation, 0), name=f"pad_{i}")(x)
        x = layers.DepthwiseConv1D(
            recipe.kernel, dilation_rate=dilation, use_bias=False, name=f"depthwise_{i}"
        )(x)
        x = layers.BatchNormalization(name=f"depthwise_norm_{i}")(x)
        x = layers.ReLU(name=f"depthwise_relu_{i}")(x)
        x = layers.Conv1D(channels, 1, use_bias=False, name=f"pointwise_{i}")(x)
        x = layers.BatchNormalization(name=f"pointwise_norm_{i}")(x)
        if entry.shape[-1] == channels:
            x = layers.Add(name=f"add_{i}")([entry, x])
        x = layers.ReLU(name=f"pointwise_relu_{i}")(x)
    x = layers.ZeroPadding1D((recipe.pool - 1, 0), name="pad_pool")(x)
    x = layers.AveragePooling1D(recipe.pool, strides=1, name="pool")(x)
    x = layers.Dropout(recipe.dropout, name="dropout_head")(x)
    logits = layers.Dense(labels, name="logits")(x)
    return require("keras").Model(features, logits, name="kws_dscnn")
