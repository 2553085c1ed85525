"""Operators of elements: what comes out lies as what went in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..step.activations import ERF, ERF_P
from .node import Node, operator
from .value import Value, together

_SIMPLE: dict[str, Callable[[Any, Any], Any]] = {
    "Abs": lambda tf, x: tf.abs(x),
    "Acos": lambda tf, x: tf.acos(x),
    "Asin": lambda tf, x: tf.asin(x),
    "Atan": lambda tf, x: tf.atan(x),
    "Ceil": lambda tf, x: tf.math.ceil(x),
    "Cos": lambda tf, x: tf.cos(x),
    "Cosh": lambda tf, x: 0.5 * (tf.exp(x) + tf.exp(-x)),
    "Dropout": lambda tf, x: x,
    "Erf": lambda tf, x: _erf(tf, x),
    "Exp": lambda tf, x: tf.exp(x),
    "Floor": lambda tf, x: tf.floor(x),
    "HardSwish": lambda tf, x: x * tf.nn.relu6(x + 3.0) * (1 / 6),
    "Identity": lambda tf, x: x,
    "IsNaN": lambda tf, x: tf.math.is_nan(x),
    "Log": lambda tf, x: tf.math.log(x),
    "Mish": lambda tf, x: x * tf.tanh(tf.nn.softplus(x)),
    "Neg": lambda tf, x: -x,
    "Not": lambda tf, x: tf.logical_not(x),
    "Reciprocal": lambda tf, x: 1.0 / x,
    "Relu": lambda tf, x: tf.nn.relu(x),
    "Round": lambda tf, x: tf.round(x),
    "Sigmoid": lambda tf, x: tf.sigmoid(x),
    "Sign": lambda tf, x: tf.sign(x),
    "Sin": lambda tf, x: tf.sin(x),
    "Sinh": lambda tf, x: 0.5 * (tf.exp(x) - tf.exp(-x)),
    "Softplus": lambda tf, x: tf.nn.softplus(x),
    "Softsign": lambda tf, x: x / (1.0 + tf.abs(x)),
    "Sqrt": lambda tf, x: tf.sqrt(x),
    "Tan": lambda tf, x: tf.tan(x),
    "Tanh": lambda tf, x: tf.tanh(x),
}

_PAIRS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "Add": lambda tf, a, b: tf.add(a, b),
    "And": lambda tf, a, b: tf.logical_and(a, b),
    "Equal": lambda tf, a, b: tf.equal(a, b),
    "Greater": lambda tf, a, b: tf.greater(a, b),
    "GreaterOrEqual": lambda tf, a, b: tf.greater_equal(a, b),
    "Less": lambda tf, a, b: tf.less(a, b),
    "LessOrEqual": lambda tf, a, b: tf.less_equal(a, b),
    "Mul": lambda tf, a, b: tf.multiply(a, b),
    "Or": lambda tf, a, b: tf.logical_or(a, b),
    "Pow": lambda tf, a, b: _power(tf, a, b),
    "Sub": lambda tf, a, b: tf.subtract(a, b),
    "Xor": lambda tf, a, b: tf.math.logical_xor(a, b),
}


def _power(tf: Any, a: Any, b: Any) -> Any:
    """Of the type of what is raised; by a fraction, computed in real numbers."""
    if np.dtype(_kind(a)).kind in "iu" and np.dtype(_kind(b)).kind == "f":
        return tf.cast(tf.pow(tf.cast(a, np.float64), tf.cast(b, np.float64)), _kind(a))
    return tf.pow(a, tf.cast(b, a.dtype))


def _kind(tensor: Any) -> Any:
    return getattr(tensor.dtype, "as_numpy_dtype", tensor.dtype)


def _erf(tf: Any, x: Any) -> Any:
    """The error function, of which TFLite has no operator."""
    size = tf.abs(x)
    t = 1.0 / (1.0 + ERF_P * size)
    series = t * ERF[-1] + ERF[-2]
    for factor in (*ERF[-3::-1], 0.0):
        series = series * t + factor
    return tf.sign(x) * (1.0 - series * tf.exp(-size * size))


@operator(*_SIMPLE)
def one(node: Node) -> Value | list[Value]:
    """f(x)."""
    x = node.value()
    made = Value(_SIMPLE[node.op](node.tf, x.tensor), x.order)
    if node.op == "Dropout" and node.outputs > 1:
        return [made, Value(np.ones(x.tensor.shape, np.bool_), x.order)]
    return made


@operator(*_PAIRS)
def two(node: Node) -> Value:
    """f(a, b), broadcast."""
    (a, b), order = together(node.values())
    return Value(_PAIRS[node.op](node.tf, a, b), order)


@operator("Div")
def divided(node: Node) -> Value:
    """a / b; whole numbers are cut off towards zero."""
    (a, b), order = together(node.values())
    if np.issubdtype(node.value().dtype, np.integer):
        return Value(node.tf.truncatediv(a, b), order)
    return Value(node.tf.divide(a, b), order)


@operator("Mod")
def remainder(node: Node) -> Value:
    """The remainder, with the sign of the divisor, or of the dividend as C's fmod."""
    (a, b), order = together(node.values())
    return Value(
        (node.tf.truncatemod if node.get("fmod", 0) else node.tf.math.floormod)(a, b), order
    )


@operator("Min", "Max", "Sum", "Mean")
def several(node: Node) -> Value:
    """Of any number of tensors."""
    parts, order = together(node.values())
    tf, made = node.tf, parts[0]
    for part in parts[1:]:
        made = {"Min": tf.minimum, "Max": tf.maximum}.get(node.op, tf.add)(made, part)
    return Value(made / len(parts) if node.op == "Mean" else tf.identity(made), order)


@operator("Where")
def chosen(node: Node) -> Value:
    """One or the other, as a condition says."""
    parts, order = together(node.values())
    return Value(node.tf.where(*parts), order)


@operator("Cast", "CastLike")
def cast(node: Node) -> Value:
    """In another type."""
    x = node.value()
    if node.op == "CastLike":
        return Value(node.tf.cast(x.tensor, node.value(1).dtype), x.order)
    return Value(node.tf.cast(x.tensor, node.get("to")), x.order)


@operator("Clip")
def clipped(node: Node) -> Value:
    """Between two bounds, each of which may be left out."""
    x, tf = node.value(), node.tf
    bounds = [
        node.constant(place).reshape(()) if node.has(place) else node.get(name)
        for place, name in ((1, "min"), (2, "max"))
    ]
    low, high = (None if bound is None else np.asarray(bound).astype(x.dtype) for bound in bounds)
    both = [None if bound is None else float(bound) for bound in (low, high)]
    if both == [0.0, 6.0] and x.dtype == np.float32:
        return Value(tf.nn.relu6(x.tensor), x.order)  # TFLite has it as a layer's end
    made = x.tensor
    if low == 0.0:
        made = tf.nn.relu(made)
    elif low is not None:
        made = tf.maximum(made, low)
    if high is not None:
        made = tf.minimum(made, high)
    return Value(tf.identity(made), x.order)


@operator("LeakyRelu")
def leaky(node: Node) -> Value:
    """x, and α · x below zero."""
    x = node.value()
    return Value(node.tf.nn.leaky_relu(x.tensor, node.get("alpha", 0.01)), x.order)


@operator("PRelu")
def slopes(node: Node) -> Value:
    """x, and α · x below zero, α of each channel its own."""
    (x, alpha), order = together(node.values())
    tf = node.tf
    return Value(tf.nn.relu(x) - alpha * tf.nn.relu(-x), order)


@operator("Elu", "Celu", "Selu", "ThresholdedRelu")
def exponential(node: Node) -> Value:
    """x, and what falls to a floor below zero."""
    x, tf = node.value(), node.tf
    alpha = node.get("alpha", 1.6732632423543772 if node.op == "Selu" else 1.0)
    gamma = node.get("gamma", 1.0507009873554805 if node.op == "Selu" else 1.0)
    t = x.tensor
    if node.op == "ThresholdedRelu":
        return Value(t * tf.cast(t > alpha, x.dtype), x.order)
    if node.op == "Elu" and alpha == 1.0:
        return Value(tf.nn.elu(t), x.order)
    inner = t / alpha if node.op == "Celu" else t
    below = alpha * (tf.exp(tf.minimum(inner, 0.0)) - 1.0)
    return Value(gamma * (tf.nn.relu(t) + below), x.order)


@operator("HardSigmoid")
def hard_sigmoid(node: Node) -> Value:
    """A straight line between 0 and 1."""
    x, tf = node.value(), node.tf
    slope, offset = node.get("alpha", 0.2), node.get("beta", 0.5)
    if abs(slope - 1 / 6) < 1e-6 and offset == 0.5:
        return Value(tf.nn.relu6(x.tensor + 3.0) * (1 / 6), x.order)
    return Value(tf.clip_by_value(slope * x.tensor + offset, 0.0, 1.0), x.order)


@operator("Swish")
def swish(node: Node) -> Value:
    """x · σ(α · x)."""
    x = node.value()
    return Value(x.tensor * node.tf.sigmoid(node.get("alpha", 1.0) * x.tensor), x.order)


@operator("Gelu")
def gelu(node: Node) -> Value:
    """x · Φ(x), or as tanh comes near to it."""
    x, approximate = node.value(), node.get("approximate", "none") == "tanh"
    return Value(node.tf.nn.gelu(x.tensor, approximate), x.order)


@operator("Shrink")
def shrink(node: Node) -> Value:
    """Zero within a band, and nearer to it by a bias outside."""
    x, tf = node.value(), node.tf
    limit, bias, t = node.get("lambd", 0.5), node.get("bias", 0.0), x.tensor
    above = tf.cast(t > limit, x.dtype) * (t - bias)
    return Value(above + tf.cast(t < -limit, x.dtype) * (t + bias), x.order)
