"""The nets that edgenets brings: one file an architecture, with `build(recipe, bands, labels)`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from edgenets.recipe import ModelRecipe

if TYPE_CHECKING:
    import keras

# architecture → module with its `build`
ARCHITECTURES = {
    "kws-gru": "edgenets.models.kws_gru",
    "kws-dscnn": "edgenets.models.kws_dscnn",
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
