"""What a text is, by a convolutional net: the peaks of its short phrases.

The net of Kim 2014 (arXiv:1408.5882), with causal convolutions, so that it reads as words come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.language.recipe import TokenModelRecipe

if TYPE_CHECKING:
    import keras


def build(recipe: TokenModelRecipe, tokens: int, scores: int) -> keras.Model:
    """See `edgenets.models.build_tokens`."""
    layers = require("keras").layers
    numbers = layers.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(tokens, recipe.embedding, name="embedding")(numbers)
    x = layers.SpatialDropout1D(recipe.embedding_dropout, name="dropout_embedding")(x)
    branches = [
        layers.Conv1D(
            recipe.channels, kernel, padding="causal", activation="relu", name=f"phrases_{kernel}"
        )(x)
        for kernel in recipe.kernels
    ]
    x = layers.Concatenate(name="phrases")(branches) if len(branches) > 1 else branches[0]
    x = layers.GlobalMaxPooling1D(name="peak")(x)
    x = layers.Dropout(recipe.dropout, name="dropout_head")(x)
    logits = layers.Dense(scores, name="logits")(x)
    return require("keras").Model(numbers, logits, name="text_cnn")
