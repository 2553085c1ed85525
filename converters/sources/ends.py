"""What makes the outputs of a model: the operator at its end says what its numbers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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


def end_of(operator: str, axis: int | None = None) -> End:
    """The end that an operator makes.

    Args:
        operator: that gave the output; Reshape and its like do not count.
        axis: of the channels, where the operator has one and nothing moved it afterwards.
    """
    plain = operator.replace("_", "").lower()
    if plain in _SOFTMAX:
        return End("classes", f"{operator} made it", axis)
    if plain in _SIGMOID:
        return End("scores", f"{operator} made it", axis)
    if plain in _LENGTH_ONE:
        return End("embedding", f"{operator} made it", axis)
    if plain in _PLACES:
        return End("classes", f"{operator} made it: decided already")
    return End()
