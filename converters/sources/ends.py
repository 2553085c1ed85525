"""What makes the outputs of a model: the operator at its end says what its numbers are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar


@dataclass(frozen=True)
class End:
    """The end of a model, at one output."""

    kind: Literal["classes", "scores", "embedding", "values"] | None = None  # None: not known
    why: str = ""
    axis: int | None = None  # of the channels, in (items, …); None: not known


# Operators by how TensorFlow, Keras, ONNX and TFLite call them, in lower case without underscores.
_SOFTMAX = ("softmax", "logsoftmax")
_SIGMOID = ("sigmoid", "logistic", "hardsigmoid")
_LENGTH_ONE = ("unitnormalization", "l2normalization", "lpnormalization")
_PLACES = ("argmax",)

# What moves numbers; and what leaves them as they are where a model is used, but for their type.
_MOVING = ("reshape", "transpose", "permute", "squeeze", "unsqueeze", "expanddims", "flatten")
_SAME = (
    "identity",
    "cast",
    "dropout",
    "spatialdropout1d",
    "spatialdropout2d",
    "gaussiannoise",
    "stopgradient",
    "quantize",
    "dequantize",
    "quantizelinear",
    "dequantizelinear",
)

Tensor = TypeVar("Tensor")


@dataclass(frozen=True)
class Made(Generic[Tensor]):
    """How a tensor of a model is made."""

    operator: str
    before: Tensor | None  # what it is made of first; None: of nothing
    axis: int | None = -1  # of the channels, where the operator has one; None: not known


def end_before(tensor: Tensor, made: Callable[[Tensor], Made[Tensor] | None]) -> End:
    """What makes a tensor, before it is moved or turned into another type.

    Args:
        made: how one is made; None: it is given.
    """
    moved = False
    while (found := made(tensor)) is not None:
        plain = _plain(found.operator)
        if found.before is None or plain not in (*_MOVING, *_SAME):
            return end_of(found.operator, None if moved else found.axis)
        moved |= plain in _MOVING
        tensor = found.before
    return End()


def _plain(operator: str) -> str:
    return operator.replace("_", "").lower()


def end_of(operator: str, axis: int | None = None) -> End:
    """The end that an operator makes.

    Args:
        operator: that gave the output; Reshape and its like do not count.
        axis: of the channels, where the operator has one and nothing moved it afterwards.
    """
    plain = _plain(operator)
    if plain in _SOFTMAX:
        return End("classes", f"{operator} made it", axis)
    if plain in _SIGMOID:
        return End("scores", f"{operator} made it", axis)
    if plain in _LENGTH_ONE:
        return End("embedding", f"{operator} made it", axis)
    if plain in _PLACES:
        return End("classes", f"{operator} made it: decided already")
    return End()
