"""What an image shows: a backbone, average and maximum over the image, a dense head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.models.backbones import features_of, is_known, top_of
from edgenets.models.inverted_residual import convolved
from edgenets.tasks.vision.recipe import ImageRecipe

if TYPE_CHECKING:
    import keras


def build(recipe: ImageRecipe, labels: int) -> keras.Model:
    """From (batch, height, width, channels) to `logits`, (batch, labels)."""
    keras = require("keras")
    layers, frame = keras.layers, recipe.input
    image = layers.Input((frame.height, frame.width, frame.channels), name=frame.name)
    if is_known(recipe.model.backbone):
        # By the average alone, as it was trained.
        x = layers.GlobalAveragePooling2D(name="average")(top_of(image, recipe.model))
    else:
        x = convolved(features_of(image, recipe.model)[-1], recipe.model.head, 1, 1, "head")
        # The average says how much there is of a feature, the maximum whether it is there at all.
        x = layers.Concatenate(name="pooled")(
            [
                layers.GlobalAveragePooling2D(name="average")(x),
                layers.GlobalMaxPooling2D(name="maximum")(x),
            ]
        )
    x = layers.Dropout(recipe.model.dropout, name="dropout")(x)
    return keras.Model(image, layers.Dense(labels, name="logits")(x), name="image_classify")
