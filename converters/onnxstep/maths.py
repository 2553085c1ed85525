"""Operators element by element, and products with constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..step.activations import Around, activate
from ..step.builder import Builder
from .shapes import Handler, together
from .value import Constant, Node, Value, plain

# Operator → the activation of the same meaning.
_ACTIVATIONS = {
    **{name: name.lower() for name in ("Relu", "Sigmoid", "Tanh", "Softplus", "Softsign")},
    **{name: name.lower() for name in ("Mish", "Gelu", "Log")},
    "HardSwish": "hard_swish",
    "Exp": "exponential",
}

# Of hard sigmoid and clips: what relu6 gives at most.
_SIX = 6.0


def activation(b: Builder, node: Node) -> Value:
    """A function of each element."""
    x, name = node.value(), _ACTIVATIONS[node.kind]
    if name == "log":
        return x.with_tensor(b.activation("log", x.signal.tensor, node.name))
    return x.with_tensor(activate(b, name, x.signal.tensor, node.name))


def leaky_relu(b: Builder, node: Node) -> Value:
    """A slope below zero, of all channels alike."""
    x, slope = node.value(), node.float("alpha", 0.01)
    return x.with_tensor(b.activation("leaky_relu", x.signal.tensor, node.name, slope))


def elu(b: Builder, node: Node) -> Value:
    """An exponential below zero, times a factor."""
    x, alpha = node.value(), node.float("alpha", 1.0)
    tensor = b.activation("elu", x.signal.tensor, node.name)
    if alpha != 1.0:  # α·elu(x) below, and x above: elu(x)·α + relu(x)·(1 − α)
        f = Around(b, node.name)
        above = f.scale(f.of("relu", x.signal.tensor), 1 - alpha)
        tensor = f.both("add", f.scale(tensor, alpha), above)
    return x.with_tensor(tensor)


def celu(b: Builder, node: Node) -> Value:
    """α·elu(x / α), which is x above zero."""
    x, alpha = node.value(), node.float("alpha", 1.0)
    f = Around(b, node.name)
    return x.with_tensor(f.scale(f.of("elu", f.scale(x.signal.tensor, 1 / alpha)), alpha))


def selu(b: Builder, node: Node) -> Value:
    """Self-normalizing units, of the usual constants."""
    x = node.value()
    return x.with_tensor(activate(b, "selu", x.signal.tensor, node.name))


def prelu(b: Builder, node: Node) -> Value:
    """A slope below zero for each channel: relu(x) − slope · relu(−x)."""
    x = node.value()
    slope = of_channels(node, x, node.needed(1))
    f = Around(b, node.name)
    below = f.of("relu", f.scale(x.signal.tensor, -1))
    below = b.scale(below, -slope, 0 * slope, node.name)
    return x.with_tensor(f.both("add", f.of("relu", x.signal.tensor), below))


def hard_sigmoid(b: Builder, node: Node) -> Value:
    """max(0, min(1, α·x + β))."""
    x, alpha, beta = node.value(), node.float("alpha", 0.2), node.float("beta", 0.5)
    f = Around(b, node.name)
    six = f.of("relu6", f.scale(x.signal.tensor, _SIX * alpha, _SIX * beta))
    return x.with_tensor(f.scale(six, 1 / _SIX))


def clip(b: Builder, node: Node) -> Value:
    """Between two limits, or above one."""
    x = node.value()
    low, high = (_limit(node, place, name) for place, name in ((1, "min"), (2, "max")))
    f, tensor = Around(b, node.name), x.signal.tensor
    if low == 0 and high is None:
        return x.with_tensor(f.of("relu", tensor))
    if low == 0 and high == _SIX:
        return x.with_tensor(f.of("relu6", tensor))
    if low is None or high is None:
        raise node.refusal("has one limit alone, and that is not 0")
    return x.with_tensor(f.clip(tensor, low, high))


def _limit(node: Node, place: int, name: str) -> float | None:
    found = node.constant(place)
    if found is not None:
        return float(found.ravel()[0])
    value = node.float(name, np.nan)
    return None if np.isnan(value) else value


def erf(b: Builder, node: Node) -> Value:
    """The error function: of |x|, with the sign of x."""
    x = node.value()
    inside = f"{node.name}/erf"
    b.float_layers.add(inside)
    return x.with_tensor(Around(b, inside).erf(x.signal.tensor))


def softmax(b: Builder, node: Node) -> Value:
    """Over the channels of a frame."""
    x = node.value()
    axis = node.int("axis", -1) % len(x.axes)
    if x.axes[axis] != "C" or "F" in x.axes:
        raise node.refusal("is not over the channels of a frame")
    kind = "log_softmax" if node.kind == "LogSoftmax" else "softmax"
    return x.with_tensor(activate(b, kind, x.signal.tensor, node.name))


def negative(b: Builder, node: Node) -> Value:
    """−x."""
    x = node.value()
    return x.with_tensor(Around(b, node.name).scale(x.signal.tensor, -1))


def root(b: Builder, node: Node) -> Value:
    """√x = exp(½ ln x), of what is positive."""
    x = node.value()
    inside = f"{node.name}/root"
    b.float_layers.add(inside)
    f = Around(b, inside)
    half = f.scale(f.of("log", x.signal.tensor), 0.5)
    return x.with_tensor(f.of("exponential", half))


def power(b: Builder, node: Node) -> Value:
    """x², which norms are made of."""
    x, exponent = node.value(), node.needed(1)
    if exponent.size != 1 or float(exponent.ravel()[0]) != 2:
        raise node.refusal("raises to another power than 2")
    return x.with_tensor(b.binary("mul", x.signal.tensor, x.signal.tensor, node.name))


def binary(b: Builder, node: Node) -> Value:
    """Two values, or a value and a constant."""
    left, right = node.values[0], node.values[1]
    if isinstance(left, Value) and isinstance(right, Value):
        return _of_two(b, node, left, right)
    if isinstance(left, Value):
        return _with_constant(b, node, left, node.needed(1), flipped=False)
    return _with_constant(b, node, node.value(1), node.needed(0), flipped=True)


_KINDS = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Max": "max"}


def _of_two(b: Builder, node: Node, left: Value, right: Value) -> Value:
    together(node, [left, right])
    rank = max(len(left.axes), len(right.axes))
    axes = [("1",) * (rank - len(v.axes)) + v.axes for v in (left, right)]
    wide = left if left.signal.channels >= right.signal.channels else right
    # One channel is broadcast over those of the other.
    narrow = min(left.signal.channels, right.signal.channels)
    fits = all(a == c or "1" in (a, c) or narrow == 1 for a, c in zip(*axes, strict=True))
    if not fits or (narrow not in (1, wide.signal.channels)):
        raise node.refusal(f"joins {list(left.sizes)} with {list(right.sizes)}, axis by axis")
    if not _one_order(left, right):
        left, right = plain(b, left, node.name), plain(b, right, node.name)
        wide = left if left.signal.channels >= right.signal.channels else right
    tensor = b.binary(_KINDS[node.kind], left.signal.tensor, right.signal.tensor, node.name)
    longest = left if len(left.axes) >= len(right.axes) else right
    axes_out = wide.axes if len(wide.axes) == rank else longest.axes
    return replace(wide.with_tensor(tensor), axes=axes_out)


def _one_order(left: Value, right: Value) -> bool:
    if left.order is None or right.order is None:
        return left.order is right.order
    return np.array_equal(left.order, right.order)


def _with_constant(b: Builder, node: Node, x: Value, given: Constant, *, flipped: bool) -> Value:
    number = of_channels(node, x, given)
    f, tensor = Around(b, node.name), x.signal.tensor
    ones, zeros = np.ones_like(number), np.zeros_like(number)
    if node.kind == "Max":
        held = b.constant(np.repeat(number[None], b.shapes[tensor][0], 0), node.name)
        return x.with_tensor(b.binary("max", tensor, held, node.name))
    if node.kind == "Div" and flipped:
        return x.with_tensor(b.scale(f.reciprocal(tensor), number, zeros, node.name))
    factor, offset = {
        "Add": (ones, number),
        "Sub": (-ones, number) if flipped else (ones, -number),
        "Mul": (number, zeros),
        "Div": (1 / np.where(number == 0, np.nan, number), zeros),
    }[node.kind]
    return x.with_tensor(b.scale(tensor, factor, offset, node.name))


def of_channels(node: Node, x: Value, given: Constant) -> NDArray[np.float32]:
    """A constant as a number for each place in a frame, (channels,) float32.

    Raises:
        ConversionError: it changes from frame to frame, or has axes that the value has not.
    """
    sizes = x.sizes
    if given.ndim > len(sizes):
        if any(d != 1 for d in given.shape[: given.ndim - len(sizes)]):
            raise node.refusal("joins with a constant of more axes")
        given = given.reshape(given.shape[given.ndim - len(sizes) :])
    given = given.reshape((1,) * (len(sizes) - given.ndim) + given.shape)
    if "T" in x.axes:
        place = x.axes.index("T")
        first = np.take(given, [0], axis=place)
        if not np.array_equal(np.broadcast_to(first, given.shape), given):
            raise node.refusal("joins with numbers that change from frame to frame")
        given = first
        sizes = tuple(1 if i == place else d for i, d in enumerate(sizes))
    try:
        spread = np.broadcast_to(given, sizes)
    except ValueError:
        raise node.refusal(f"joins {list(x.sizes)} with {list(given.shape)}") from None
    if "F" in x.axes and "C" in x.axes:
        moved = np.moveaxis(spread, (x.axes.index("F"), x.axes.index("C")), (-2, -1))
        return moved.reshape(-1).astype(np.float32)
    return in_order(x, np.asarray(spread.reshape(-1), np.float32))


def product(b: Builder, node: Node) -> Value:
    """A value times a matrix of weights: MatMul, and Gemm with a bias."""
    x, weights = node.value(), node.needed(1).astype(np.float32)
    bias = np.zeros(1, np.float32)
    if node.kind == "Gemm":
        if node.int("transA", 0):
            raise node.refusal("turns what it is given")
        weights = weights.T if node.int("transB", 0) else weights
        weights = weights * np.float32(node.float("alpha", 1.0))
        given = node.constant(2)
        if given is not None:
            bias = given.astype(np.float32).ravel() * np.float32(node.float("beta", 1.0))
    if weights.ndim != 2 or x.axes[-1] != "C":
        raise node.refusal("is no product of the channels of a frame with a matrix")
    bias = np.broadcast_to(bias, (weights.shape[1],)).astype(np.float32)
    return linear(b, node, x, weights, bias)


def linear(
    b: Builder, node: Node, x: Value, weights: NDArray[np.float32], bias: NDArray[np.float32]
) -> Value:
    """Channels times weights, (in, out), and a bias."""
    signal = x.signal
    if "F" in x.axes:  # of every band alike
        made = b.conv(signal, weights[None, None], bias, (1, 1), (1, 1), node.name)
        return x.with_signal(made)
    tensor = b.linear(signal.tensor, in_order(x, weights), bias, node.name)
    return replace(
        x.with_signal(replace(signal, tensor=tensor, channels=weights.shape[1])), order=None
    )


def in_order(x: Value, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Numbers of channels, (in, …), as the channels stand in a frame."""
    if x.order is None:
        return weights
    placed = np.empty_like(weights)
    placed[x.order] = weights
    return placed


def sigmoid_products(b: Builder, node: Node) -> Value:
    """x · sigmoid(α·x), ONNX's Swish."""
    x, alpha = node.value(), node.float("alpha", 1.0)
    f = Around(b, node.name)
    gate = f.of("sigmoid", x.signal.tensor if alpha == 1 else f.scale(x.signal.tensor, alpha))
    return x.with_tensor(f.both("mul", x.signal.tensor, gate))


_OTHERS: dict[str, Callable[[Builder, Node], Value]] = {
    "Celu": celu,
    "Clip": clip,
    "Elu": elu,
    "Erf": erf,
    "Gemm": product,
    "HardSigmoid": hard_sigmoid,
    "LeakyRelu": leaky_relu,
    "LogSoftmax": softmax,
    "MatMul": product,
    "Neg": negative,
    "PRelu": prelu,
    "Pow": power,
    "Selu": selu,
    "Softmax": softmax,
    "Sqrt": root,
    "Swish": sigmoid_products,
}

HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_ACTIVATIONS, activation),
    **dict.fromkeys(_KINDS, binary),
    **_OTHERS,
}
