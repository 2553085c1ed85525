"""Keras activations as operations of the step graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgenets.errors import ConversionError

from .builder import Builder

# Keras's name → the operation of the same meaning
_DIRECT = {
    "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "tanh": "tanh", "softmax": "softmax",
    "elu": "elu", "exponential": "exponential",
}  # fmt: skip


def activate(b: Builder, function: Any, x: str, layer: str) -> str:
    """Apply a Keras activation function, given as Keras holds it, to a tensor.

    Raises:
        ConversionError: the function is none that the step graph has.
    """
    name = getattr(function, "__name__", type(function).__name__)
    channels = b.shapes[x][1]
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    if name == "linear":
        return x
    if name in _DIRECT:
        return b.activation(_DIRECT[name], x, layer)
    if name == "leaky_relu":
        return b.activation("leaky_relu", x, layer, alpha=0.2)  # Keras's default slope
    if name in ("silu", "swish"):
        return b.binary("mul", x, b.activation("sigmoid", x, layer), layer)
    if name == "hard_sigmoid":  # relu6(x + 3) / 6
        clipped = b.activation("relu6", b.scale(x, ones, zeros + 3, layer), layer)
        return b.scale(clipped, ones / 6, zeros, layer)
    if name in ("hard_silu", "hard_swish"):
        clipped = b.activation("relu6", b.scale(x, ones, zeros + 3, layer), layer)
        return b.binary("mul", x, b.scale(clipped, ones / 6, zeros, layer), layer)
    known = ", ".join([*_DIRECT, "linear", "leaky_relu", "silu", "hard_sigmoid", "hard_silu"])
    raise ConversionError(
        f"layer '{layer}': the activation '{name}' has no step form; those that have: {known}"
    )
