"""What comes next in a text: an embedding, recurrent layers, a score for each token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.tasks.language.recipe import TokenModelRecipe

from .recurrent import recurrent

if TYPE_CHECKING:
    import keras


def build(recipe: TokenModelRecipe, tokens: int, scores: int) -> keras.Model:
    """See `edgenets.models.build_tokens`."""
    layers = require("keras").layers
    numbers = layers.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(tokens, recipe.embedding, name="embedding")(numbers)
    x = recurrent(x, recipe.cell, recipe.units, recipe.dropout, recipe.embedding_dropout)
    logits = layers.Dense(scores, name="logits")(x)
    return require("keras").Model(numbers, logits, name="language_rnn")
