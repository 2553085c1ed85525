"""What both keyword networks begin with: convolutions over time and bands, then one over time.

A vowel that another voice speaks lies some bands higher. A convolution over bands
knows it there again, where one over time alone has to learn every voice; with few
speakers to learn from that is worth several points (Abdel-Hamid et al. 2014,
doi:10.1109/TASLP.2014.2339736).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.recipeparts import ModelRecipe

if TYPE_CHECKING:
    from keras import KerasTensor

# (frames, bands): the first convolution takes the step's frames at once, all halve the bands.
_FIRST_KERNEL, _KERNEL, _BAND_STRIDE = (4, 5), (3, 3), 2


def front(recipe: ModelRecipe, features: KerasTensor) -> KerasTensor:
    """(batch, frames, bands) to (batch, steps, stem)."""
    layers = require("keras").layers
    x, stride = features, recipe.frames_per_step
    if recipe.front:
        x = layers.Reshape((-1, features.shape[-1], 1), name="front_bands")(x)
    for i, channels in enumerate(recipe.front):
        kernel = _KERNEL if i else (max(_FIRST_KERNEL[0], stride), _FIRST_KERNEL[1])
        if kernel[0] > stride:
            before = (kernel[0] - stride, 0)
            x = layers.ZeroPadding2D((before, (0, 0)), name=f"front_pad_{i}")(x)
        x = layers.Conv2D(
            channels, kernel, strides=(stride, _BAND_STRIDE), use_bias=False, name=f"front_{i}"
        )(x)
        x = _rectified(x, f"front_{i}")
        stride = 1
    if recipe.front:
        x = layers.Reshape((-1, x.shape[2] * x.shape[3]), name="front_flat")(x)
    x = layers.Conv1D(
        recipe.stem,
        recipe.stem_kernel,
        strides=stride,
        padding="causal",
        use_bias=False,
        name="stem",
    )(x)
    return _rectified(x, "stem")


def _rectified(x: KerasTensor, name: str) -> KerasTensor:
    layers = require("keras").layers
    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_norm")(x))
