"""A label for every pixel: a backbone going down, and up again with what was finer.

The shape is a U-Net's (Ronneberger et al. 2015, arXiv:1505.04597), its blocks
are separable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.models.backbones import features_of, is_known
from edgenets.models.inverted_residual import convolved, separable
from edgenets.tasks.vision.recipe import ImageRecipe

if TYPE_CHECKING:
    import keras


def build(recipe: ImageRecipe, labels: int) -> keras.Model:
    """From (batch, height, width, channels) to `logits`, (batch, height, width, labels)."""
    keras = require("keras")
    layers, frame = keras.layers, recipe.input
    image = layers.Input((frame.height, frame.width, frame.channels), name=frame.name)
    *finer, x = features_of(image, recipe.model)
    x = layers.SpatialDropout2D(recipe.model.dropout, name="dropout")(x)
    widths: tuple[int, ...] = (recipe.model.stem, *recipe.model.channels)
    if is_known(recipe.model.backbone):
        widths = (recipe.model.head,) * len(finer)
    for i, (beside, width) in reversed(list(enumerate(zip(finer, widths, strict=False)))):
        x = convolved(x, width, 1, 1, f"narrow_{i}")
        x = layers.UpSampling2D(2, interpolation="nearest", name=f"up_{i}")(x)
        x = layers.Concatenate(name=f"joined_{i}")([x, beside])
        x = separable(x, width, f"merge_{i}_0")
        x = separable(x, width, f"merge_{i}_1")
    # A transposed convolution of its own stride: each cell paints the four pixels that it covers.
    logits = layers.Conv2DTranspose(labels, 2, strides=2, name="logits")(x)
    return keras.Model(image, logits, name="segment")
