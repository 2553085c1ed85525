"""Inverted residuals with linear bottlenecks (Sandler et al. 2018, arXiv:1801.04381)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.tasks.vision.recipe import ImageModelRecipe

if TYPE_CHECKING:
    from keras import KerasTensor


def convolved(
    x: KerasTensor, channels: int, kernel: int, stride: int, name: str, relu: bool = True
) -> KerasTensor:
    """A convolution, its normalisation and, where wanted, a ReLU6."""
    layers = require("keras").layers
    x = layers.Conv2D(
        channels, kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    return _normalised(x, name, relu)


def depthwise(x: KerasTensor, kernel: int, stride: int, name: str) -> KerasTensor:
    """A convolution of each channel by itself, its normalisation and a ReLU6."""
    layers = require("keras").layers
    x = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(x)
    return _normalised(x, name, relu=True)


def separable(x: KerasTensor, channels: int, name: str) -> KerasTensor:
    """A depthwise convolution of 3 × 3 and a pointwise one."""
    return convolved(depthwise(x, 3, 1, f"{name}_a"), channels, 1, 1, f"{name}_b")


def residual(x: KerasTensor, channels: int, stride: int, expansion: int, name: str) -> KerasTensor:
    """Wide by a pointwise convolution, depthwise, and narrow again; what went in is added."""
    before, wide = x, expansion * x.shape[-1]
    if expansion > 1:
        x = convolved(x, wide, 1, 1, f"{name}_expand")
    x = depthwise(x, 3, stride, f"{name}_mix")
    x = convolved(x, channels, 1, 1, f"{name}_project", relu=False)
    if stride == 1 and before.shape[-1] == channels:
        x = require("keras").layers.Add(name=f"{name}_add")([before, x])
    return x


def backbone(x: KerasTensor, recipe: ImageModelRecipe) -> list[KerasTensor]:
    """The stem and the stages of a recipe.

    Returns:
        what each gives, from the finest on: strides 2, 4, 8, …
    """
    outputs = [convolved(x, recipe.stem, 3, 2, "stem")]
    for i, (channels, blocks) in enumerate(zip(recipe.channels, recipe.blocks, strict=True)):
        x = outputs[-1]
        for j in range(blocks):
            stride = 1 if j else 2
            x = residual(x, channels, stride, recipe.expansion, f"stage{i}_{j}")
        outputs.append(x)
    return outputs


def _normalised(x: KerasTensor, name: str, relu: bool) -> KerasTensor:
    layers = require("keras").layers
    x = layers.BatchNormalization(momentum=0.97, name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if relu else x
