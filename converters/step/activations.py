"""Keras activations as operations of the step graph.

Those that have an integer kernel in every format compute in integers; the others are made of
operations that compute in float, on either side of which is a product in integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgenets.errors import ConversionError

from .builder import Builder

# Keras's name → the operation of the same meaning
_DIRECT = {
    "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "tanh": "tanh", "softmax": "softmax",
    "elu": "elu", "celu": "elu", "exponential": "exponential",
}  # fmt: skip

# Activations without a step form, and why.
_NONE = {
    "glu": "it halves the channels; slice and multiply them by layers of their own",
    "sparsemax": "it sorts, which no format does in integers or in a fixed number of operations",
    "hard_shrink": "it jumps, which no format has an operator for on every board; soft_shrink has",
    "threshold": "it jumps, which no format has an operator for on every board; relu has",
}

# Of 1 − erf: Abramowitz and Stegun 1964, 7.1.26; it is off by 1.5e-7 at most.
ERF_P = 0.3275911
ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)

# Probabilities are not taken to be less, so that their logarithm is a number.
_LEAST = 1e-37

# Of what is smaller, the sign does not matter.
_LEAST_SIZE = 1e-12

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017


# Where Keras keeps its activations.
_HOME = "keras.src.activations"


def activate(b: Builder, function: Any, x: str, layer: str) -> str:
    """Apply a Keras activation function, given as Keras holds it or by its name, to a tensor.

    Raises:
        ConversionError: the function is none that the step graph has.
    """
    named = isinstance(function, str)
    name = function if named else getattr(function, "__name__", type(function).__name__)
    home = _HOME if named else getattr(function, "__module__", "") or ""
    # One of the author's may be called as one of Keras's, and keras.ops.gelu is another than its
    # namesake among the activations.
    if not home.startswith(_HOME):
        raise ConversionError(
            f"layer '{layer}': the activation '{name}' of {home or type(function).__name__} has no "
            f"step form; those of keras.activations have"
        )
    if name == "linear":
        return x
    if name in _DIRECT:
        return b.activation(_DIRECT[name], x, layer)
    if name == "leaky_relu":
        return b.activation("leaky_relu", x, layer, alpha=0.2)  # Keras's default slope
    if name in _INTEGER:
        return _INTEGER[name](Around(b, layer), x)
    if name in _FLOAT:
        # A layer of its own for the plan: what stays float is this, not the product before it.
        inside = f"{layer}/{name}"
        b.float_layers.add(inside)
        return _FLOAT[name](Around(b, inside), x)
    known = ", ".join(sorted({*_DIRECT, "linear", "leaky_relu", *_INTEGER, *_FLOAT}))
    why = f" ({_NONE[name]})" if name in _NONE else ""
    raise ConversionError(
        f"layer '{layer}': the activation '{name}' has no step form{why}; those that have: {known}"
    )


class Around:
    """Arithmetic on tensors of one layer."""

    def __init__(self, b: Builder, layer: str) -> None:
        self._b, self._layer = b, layer

    def of(self, kind: str, x: str) -> str:
        """An activation of the graph."""
        return self._b.activation(kind, x, self._layer)

    def scale(self, x: str, factor: float, offset: float = 0.0) -> str:
        """factor · x + offset."""
        channels = self._b.shapes[x][1]
        return self._b.scale(
            x,
            np.full(channels, factor, np.float32),
            np.full(channels, offset, np.float32),
            self._layer,
        )

    def both(self, kind: str, x: str, y: str) -> str:
        """Two tensors, element by element."""
        return self._b.binary(kind, x, y, self._layer)

    def clip(self, x: str, low: float, high: float) -> str:
        """x between two limits, as a relu6 between them."""
        six = 6 / (high - low)
        return self.scale(self.of("relu6", self.scale(x, six, -six * low)), 1 / six, low)

    def absolute(self, x: str) -> str:
        """|x|."""
        return self.both("max", x, self.scale(x, -1))

    def erf(self, x: str) -> str:
        """The error function of x: 1 − what is left of it at |x|, with the sign of x."""
        size = self.absolute(x)
        t = self.reciprocal(self.scale(size, ERF_P, 1))
        series = self.scale(t, ERF[-1], ERF[-2])
        for factor in (*ERF[-3::-1], 0.0):
            series = self.scale(self.both("mul", series, t), 1, factor)
        tail = self.both(
            "mul", series, self.of("exponential", self.scale(self.both("mul", x, x), -1))
        )
        sign = self.both("div", x, self.scale(size, 1, _LEAST_SIZE))
        return self.both("mul", sign, self.scale(tail, -1, 1))

    def reciprocal(self, x: str) -> str:
        """1 / x."""
        ones = self._b.constant(np.ones((1, self._b.shapes[x][1]), np.float32), self._layer)
        return self.both("div", ones, x)


def _silu(f: Around, x: str) -> str:
    return f.both("mul", x, f.of("sigmoid", x))


def _hard_sigmoid(f: Around, x: str) -> str:
    return f.scale(f.of("relu6", f.scale(x, 1, 3)), 1 / 6)


def _hard_silu(f: Around, x: str) -> str:
    return f.both("mul", x, _hard_sigmoid(f, x))


def _soft_shrink(f: Around, x: str) -> str:
    """What is beyond ½, by how much."""
    above, below = f.of("relu", f.scale(x, 1, -0.5)), f.of("relu", f.scale(x, -1, -0.5))
    return f.both("sub", above, below)


def _selu(f: Around, x: str) -> str:
    """Self-normalizing units (Klambauer et al. 2017, arXiv:1706.02515)."""
    above = f.of("relu", x)
    below = f.both("sub", f.of("elu", x), above)
    return f.both("add", f.scale(above, _SELU_SCALE), f.scale(below, _SELU_SCALE * _SELU_ALPHA))


def _gelu(f: Around, x: str) -> str:
    """x · Φ(x) = relu(x) − ½ |x| (1 − erf(|x| / √2)) (Hendrycks and Gimpel 2016)."""
    size = f.absolute(x)
    t = f.reciprocal(f.scale(size, ERF_P / math.sqrt(2), 1))
    series = f.scale(t, ERF[-1], ERF[-2])
    for factor in (*ERF[-3::-1], 0.0):
        series = f.scale(f.both("mul", series, t), 1, factor)
    tail = f.both("mul", series, f.of("exponential", f.scale(f.both("mul", x, x), -0.5)))
    return f.both("sub", f.of("relu", x), f.scale(f.both("mul", size, tail), 0.5))


def _softplus(f: Around, x: str) -> str:
    """ln(1 + eˣ) = relu(x) + ln(1 + e^−|x|), which cannot overflow."""
    small = f.of("exponential", f.scale(f.absolute(x), -1))
    return f.both("add", f.of("relu", x), f.of("log", f.scale(small, 1, 1)))


def _log_sigmoid(f: Around, x: str) -> str:
    return f.scale(_softplus(f, f.scale(x, -1)), -1)


def _mish(f: Around, x: str) -> str:
    return f.both("mul", x, f.of("tanh", _softplus(f, x)))


def _softsign(f: Around, x: str) -> str:
    return f.both("div", x, f.scale(f.absolute(x), 1, 1))


def _squareplus(f: Around, x: str) -> str:
    """(x + √(x² + 4)) / 2."""
    root = f.of("exponential", f.scale(f.of("log", f.scale(f.both("mul", x, x), 1, 4)), 0.5))
    return f.scale(f.both("add", x, root), 0.5)


def _sparse_plus(f: Around, x: str) -> str:
    """0 up to −1, x from 1 on, a parabola between them."""
    between = f.clip(x, -1, 1)
    bend = f.scale(between, 1, 1)
    return f.both("add", f.scale(f.both("mul", bend, bend), 0.25), f.of("relu", f.scale(x, 1, -1)))


def _log_softmax(f: Around, x: str) -> str:
    return f.of("log", f.scale(f.of("softmax", x), 1, _LEAST))


Made = dict[str, Callable[[Around, str], str]]

# Made of operations that have integer kernels.
_INTEGER: Made = {
    "silu": _silu,
    "swish": _silu,
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": _hard_silu,
    "hard_swish": _hard_silu,
    "hard_tanh": lambda f, x: f.clip(x, -1, 1),
    "sparse_sigmoid": lambda f, x: f.scale(f.clip(x, -1, 1), 0.5, 0.5),
    "soft_shrink": _soft_shrink,
    "tanh_shrink": lambda f, x: f.both("sub", x, f.of("tanh", x)),
}

# Made of others.
_FLOAT: Made = {
    "gelu": _gelu,
    "log_sigmoid": _log_sigmoid,
    "log_softmax": _log_softmax,
    "mish": _mish,
    "selu": _selu,
    "softplus": _softplus,
    "softsign": _softsign,
    "sparse_plus": _sparse_plus,
    "squareplus": _squareplus,
}
