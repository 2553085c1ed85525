"""The networks that edgenets brings: one file an architecture, with a `build`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from edgenets.recipeparts import ModelRecipe
from edgenets.tasks.language.recipe import TokenModelRecipe
from edgenets.tasks.series.recipe import SeasonalModelRecipe, SeriesModelRecipe
from edgenets.tasks.vision.recipe import ImageRecipe

if TYPE_CHECKING:
    import keras

# architecture → module with its `build`
ARCHITECTURES = {
    "kws-gru": "edgenets.models.kws_gru",
    "kws-dscnn": "edgenets.models.kws_dscnn",
    "asr-gru": "edgenets.models.kws_gru",
    "image-classify": "edgenets.models.image_classify",
    "object-detect": "edgenets.models.object_detect",
    "segment": "edgenets.models.segment",
    "language-rnn": "edgenets.models.language_rnn",
    "seasonal-rnn": "edgenets.models.seasonal_rnn",
    "series-rnn": "edgenets.models.series_rnn",
    "series-cnn": "edgenets.models.series_cnn",
    "text-rnn": "edgenets.models.text_rnn",
    "translation-rnn": "edgenets.tasks.translation.model",
    "text-cnn": "edgenets.models.text_cnn",
}


def build(recipe: ModelRecipe, bands: int, labels: int) -> keras.Model:
    """The untrained Keras model of a recipe.

    Returns:
        a model from features (batch, frames, bands) float32 to logits
        (batch, frames / frames_per_step, labels) float32, causal in time: the
        logits of a step depend on nothing that comes after it.
    """
    module = importlib.import_module(ARCHITECTURES[recipe.architecture])
    model: keras.Model = module.build(recipe, bands, labels)
    return model


def build_tokens(recipe: TokenModelRecipe, tokens: int, scores: int) -> keras.Model:
    """The untrained Keras model of a recipe.

    Args:
        tokens: in the vocabulary.
        scores: of an answer.

    Returns:
        a model from tokens (batch, time) int32 to logits, causal in time: (batch, time, scores),
        or (batch, scores) once all is read.
    """
    module = importlib.import_module(ARCHITECTURES[recipe.architecture])
    model: keras.Model = module.build(recipe, tokens, scores)
    return model


def build_series(recipe: SeriesModelRecipe | SeasonalModelRecipe, outputs: int) -> keras.Model:
    """The untrained Keras model of a recipe.

    Args:
        outputs: numbers of an answer.

    Returns:
        a model from stretches (batch, stretches, readings) float32, as
        `edgenets.tasks.series.features` makes them, to (batch, stretches, outputs), causal in
        time; or the same from what `edgenets.tasks.series.seasonal_profile` gives
        before every reading.
    """
    module = importlib.import_module(ARCHITECTURES[recipe.architecture])
    model: keras.Model = module.build(recipe, outputs)
    return model


def build_image(recipe: ImageRecipe, labels: int) -> keras.Model:
    """The untrained Keras model of a recipe.

    Returns:
        a model from images (batch, height, width, channels) float32 to what its
        architecture's module says.
    """
    module = importlib.import_module(ARCHITECTURES[recipe.model.architecture])
    model: keras.Model = module.build(recipe, labels)
    return model
