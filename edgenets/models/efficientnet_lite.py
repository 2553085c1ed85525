"""EfficientNet-Lite0: inverted residuals with ReLU6 and nothing else (Tan and Le 2019,
arXiv:1905.11946; Liu 2020, blog.tensorflow.org, “EfficientNet-Lite”).

Layers stand in the order in which its published weights are stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require

if TYPE_CHECKING:
    from keras import KerasTensor

# Of each stage: blocks, kernel, stride, expansion, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _TOP = 32, 1280

# As the weights were trained with.
EPSILON = 1e-3


def features(image: KerasTensor) -> list[KerasTensor]:
    """What it gives of an image, from the finest on: strides 2, 4, 8, 16 and 32, and the features
    of 1,280 channels on top of the last.
    """
    x = _convolved(image, _STEM, 3, 2, "stem")
    strides: list[KerasTensor] = []
    for number, (blocks, kernel, stride, expansion, channels) in enumerate(_STAGES):
        if stride == 2:
            strides.append(x)
        for block in range(blocks):
            name = f"block{number}{chr(ord('a') + block)}"
            x = _block(x, kernel, 1 if block else stride, expansion, channels, name)
    return [*strides, x, _convolved(x, _TOP, 1, 1, "top")]


def _block(
    x: KerasTensor, kernel: int, stride: int, expansion: int, channels: int, name: str
) -> KerasTensor:
    layers = require("keras").layers
    before = x
    if expansion > 1:
        x = _convolved(x, expansion * x.shape[-1], 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(x)
    x = _normalised(x, f"{name}_depthwise")
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project")(x)
    x = _normalised(x, f"{name}_project")
    if stride == 1 and before.shape[-1] == channels:
        x = layers.Add(name=f"{name}_add")([before, x])
    return x


def _convolved(x: KerasTensor, channels: int, kernel: int, stride: int, name: str) -> KerasTensor:
    layers = require("keras").layers
    x = layers.Conv2D(
        channels, kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(_normalised(x, name))


def _normalised(x: KerasTensor, name: str) -> KerasTensor:
    layers = require("keras").layers
    return layers.BatchNormalization(epsilon=EPSILON, momentum=0.99, name=f"{name}_norm")(x)
