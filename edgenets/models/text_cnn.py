"""What a text is, by a convolutional network: peaks and means of its short phrases.

The network of Kim 2014 (arXiv:1408.5882), with causal convolutions, so that it reads as words come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.tasks.language.recipe import TokenModelRecipe

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor


def build(recipe: TokenModelRecipe, tokens: int, scores: int) -> keras.Model:
    """See `edgenets.models.build_tokens`."""
    numbers, x = embedded(recipe, tokens)
    return sorted_by(numbers, phrases(recipe, x), recipe, scores, "text_cnn")


def embedded(recipe: TokenModelRecipe, tokens: int) -> tuple[KerasTensor, KerasTensor]:
    """The input, and what stands for its tokens: (batch, tokens, numbers)."""
    layers = require("keras").layers
    numbers = layers.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(tokens, recipe.embedding, name="embedding")(numbers)
    return numbers, layers.Dropout(recipe.embedding_dropout, name="dropout_embedding")(x)


def phrases(recipe: TokenModelRecipe, x: KerasTensor) -> list[KerasTensor]:
    """Peak and mean of every kind of phrase, and the mean of the words: (batch, numbers) each."""
    layers = require("keras").layers
    found = [layers.GlobalAveragePooling1D(name="mean_words")(x)]
    for kernel in recipe.kernels:
        branch = layers.Conv1D(
            recipe.channels, kernel, padding="causal", activation="relu", name=f"phrases_{kernel}"
        )(x)
        found.append(layers.GlobalMaxPooling1D(name=f"peak_{kernel}")(branch))
        found.append(layers.GlobalAveragePooling1D(name=f"mean_{kernel}")(branch))
    return found


def sorted_by(
    numbers: KerasTensor,
    found: list[KerasTensor],
    recipe: TokenModelRecipe,
    scores: int,
    name: str,
) -> keras.Model:
    """The model that scores labels by what was found, (batch, numbers) each."""
    layers = require("keras").layers
    x = layers.Concatenate(name="found")(found) if len(found) > 1 else found[0]
    x = layers.Dropout(recipe.dropout, name="dropout_head")(x)
    logits = layers.Dense(scores, name="logits")(x)
    return require("keras").Model(numbers, logits, name=name)
