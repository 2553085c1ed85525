"""Recurrent operators, step after step without a loop.

The equations are those of the ONNX specification (GRU-14, LSTM-14, RNN-14); a
loop is what converters fail on, or write as operators that no board has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .node import Node, operator
from .value import Value

if TYPE_CHECKING:
    from tensorflow import Tensor

# More steps make files that no board loads in good time.
_LONGEST = 2000

# Of an activation: what it is, and the α and β that it has unless a node says otherwise.
_FUNCTIONS: dict[str, tuple[Callable[..., Any], float, float]] = {
    "Affine": (lambda tf, x, a, b: a * x + b, 1.0, 0.0),
    "Elu": (lambda tf, x, a, b: tf.nn.relu(x) + a * (tf.exp(tf.minimum(x, 0.0)) - 1.0), 1.0, 0.0),
    "HardSigmoid": (lambda tf, x, a, b: tf.clip_by_value(a * x + b, 0.0, 1.0), 0.2, 0.5),
    "LeakyRelu": (lambda tf, x, a, b: tf.nn.leaky_relu(x, a), 0.01, 0.0),
    "Relu": (lambda tf, x, a, b: tf.nn.relu(x), 0.0, 0.0),
    "Sigmoid": (lambda tf, x, a, b: tf.sigmoid(x), 0.0, 0.0),
    "Softplus": (lambda tf, x, a, b: tf.nn.softplus(x), 0.0, 0.0),
    "Softsign": (lambda tf, x, a, b: x / (1.0 + tf.abs(x)), 0.0, 0.0),
    "Tanh": (lambda tf, x, a, b: tf.tanh(x), 0.0, 0.0),
}


@dataclass(frozen=True)
class _Direction:
    """The weights of one way through time."""

    gates: Tensor  # (time, items, gates · hidden): the input's part of all gates, bias added
    recurrent: Tensor  # (gates · hidden, hidden)
    bias: Tensor  # (gates · hidden,), of the recurrent part
    h: Tensor  # (items, hidden), before the first step
    c: Tensor  # the same, of an LSTM
    peepholes: Tensor  # (3 · hidden,), of an LSTM that has them
    functions: Sequence[Callable[[Tensor], Tensor]]
    clip: float | None


@operator("GRU", "LSTM", "RNN")
def recurrent(node: Node) -> list[Value]:
    """Y, Y_h and, of an LSTM, Y_c."""
    tf, x = node.tf, node.value(0)
    batch_first = bool(node.get("layout", 0))
    tensor = x.lying((1, 0, 2)) if batch_first else x.as_onnx
    _check(node, int(tensor.shape[0]))
    ways = range(node.value(1).shape[0])
    every, h_last, c_last = zip(*(_run(node, tensor, way) for way in ways), strict=True)
    axis = 1 if batch_first else 0
    results = [tf.stack(every, 1), tf.stack(h_last, axis)]
    if batch_first:
        results[0] = tf.transpose(results[0], (2, 0, 1, 3))
    if node.op == "LSTM":
        results.append(tf.stack(c_last, axis))
    return [Value.plain(t) for t in results]


def _check(node: Node, steps: int) -> None:
    """Refuse what cannot be unrolled."""
    if steps > _LONGEST:
        raise node.refusal(f"would be {steps} steps one by one; {_LONGEST} are the most")
    if node.has(4) and not (node.value(4).is_constant and (node.constant(4) == steps).all()):
        raise node.refusal("takes sequences of lengths of their own; give them one by one")
    if node.get("input_forget", 0):
        raise node.refusal("has one gate for input and forgetting, which is not known")


def _run(node: Node, x: Tensor, way: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """One way through time: every h, (time, items, hidden), the last h, and an LSTM's last c."""
    tf = node.tf
    step = {"GRU": _gru, "LSTM": _lstm, "RNN": _rnn}[node.op]
    backward = node.get("direction", "forward") == "reverse" or way == 1
    direction = _direction(node, x, way)
    h, c, outputs = direction.h, direction.c, []
    inputs = tf.unstack(direction.gates, int(x.shape[0]), axis=0)
    for gates in reversed(inputs) if backward else inputs:
        h, c = step(node, direction, gates, h, c)
        outputs.append(h)
    return tf.stack(outputs[::-1] if backward else outputs, 0), h, c


def _direction(node: Node, x: Tensor, way: int) -> _Direction:
    tf = node.tf
    items, hidden = int(x.shape[1]), node.value(2).shape[2]
    gates = {"GRU": 3, "LSTM": 4, "RNN": 1}[node.op]
    w, r = node.value(1).as_onnx[way], node.value(2).as_onnx[way]
    bias = node.value(3).as_onnx[way] if node.has(3) else np.zeros(2 * gates * hidden, np.float32)
    before, behind = bias[: gates * hidden], bias[gates * hidden :]
    if node.op != "GRU":  # nothing stands between the two sums
        before, behind = before + behind, None
    flat = tf.reshape(x, (-1, int(x.shape[2])))
    parts = tf.reshape(tf.matmul(flat, w, transpose_b=True) + before, (-1, items, gates * hidden))

    def state(index: int) -> Tensor:
        if not node.has(index):
            return tf.zeros((items, hidden))
        given = node.value(index).as_onnx
        return given[:, way] if node.get("layout", 0) else given[way]

    return _Direction(
        parts,
        r,
        behind,
        state(5),
        state(6) if node.op == "LSTM" else None,
        node.value(7).as_onnx[way] if node.has(7) else None,
        _functions(node, way),
        node.get("clip"),
    )


def _functions(node: Node, way: int) -> list[Callable[[Tensor], Tensor]]:
    usual = {"GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "RNN": ["Tanh"]}[
        node.op
    ]
    names = (node.get("activations") or usual * 2)[way * len(usual) :][: len(usual)]
    alphas, betas = list(node.get("activation_alpha", ())), list(node.get("activation_beta", ()))
    if (alphas or betas) and way:
        raise node.refusal("has activations with numbers of their own in two directions")
    made: list[Callable[[Tensor], Tensor]] = []
    for name in names:
        if name not in _FUNCTIONS:
            raise node.refusal(f"has the activation {name}, which is not known")
        function, alpha, beta = _FUNCTIONS[name]
        takes_alpha = name in ("Affine", "Elu", "HardSigmoid", "LeakyRelu")
        takes_beta = name in ("Affine", "HardSigmoid")
        a = alphas.pop(0) if alphas and takes_alpha else alpha
        b = betas.pop(0) if betas and takes_beta else beta
        made.append(partial(function, node.tf, a=a, b=b))
    return made


def _clipped(node: Node, way: _Direction, x: Tensor) -> Tensor:
    return x if way.clip is None else node.tf.clip_by_value(x, -way.clip, way.clip)


def _rnn(
    node: Node, way: _Direction, gates: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor | None]:
    total = gates + node.tf.matmul(h, way.recurrent, transpose_b=True)
    return way.functions[0](_clipped(node, way, total)), None


def _gru(
    node: Node, way: _Direction, gates: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor | None]:
    tf, f, g = node.tf, *way.functions
    size = int(h.shape[-1])
    z, r, n = tf.split(gates, 3, -1)
    if node.get("linear_before_reset", 0):
        own = tf.matmul(h, way.recurrent, transpose_b=True) + way.bias
        hz, hr, hn = tf.split(own, 3, -1)
        r = f(_clipped(node, way, r + hr))
        n = g(_clipped(node, way, n + r * hn))
    else:
        own = tf.matmul(h, way.recurrent[: 2 * size], transpose_b=True) + way.bias[: 2 * size]
        hz, hr = tf.split(own, 2, -1)
        r = f(_clipped(node, way, r + hr))
        hn = tf.matmul(r * h, way.recurrent[2 * size :], transpose_b=True) + way.bias[2 * size :]
        n = g(_clipped(node, way, n + hn))
    z = f(_clipped(node, way, z + hz))
    return n + z * (h - n), None


def _lstm(
    node: Node, way: _Direction, gates: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor | None]:
    tf, (f, g, q) = node.tf, way.functions
    i, o, forget, n = tf.split(gates + tf.matmul(h, way.recurrent, transpose_b=True), 4, -1)
    if way.peepholes is not None:
        pi, po, pf = tf.split(way.peepholes, 3)
        i, forget = i + pi * c, forget + pf * c
    c = f(_clipped(node, way, forget)) * c + f(_clipped(node, way, i)) * g(_clipped(node, way, n))
    if way.peepholes is not None:
        o = o + po * c
    return f(_clipped(node, way, o)) * q(c), c
