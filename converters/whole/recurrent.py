"""Recurrent layers of Keras as the operators that ONNX has for them, instead of unrolled.

TensorFlow has no operator for a GRU, so that one traced is a loop, or as many copies of its cell as
a sequence has steps. While a model is traced here, each such layer is a product with a matrix of
marks; in the ONNX graph that comes of it the product is found by its marks, and the operator with
the layer's own weights stands in its place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.errors import ConversionError
from edgenets.extras import require

from .function import Function, Shapes, freeze
from .onnx import to_onnx as by_tf2onnx
from .onnxround import RECURRENT
from .tracing import within

if TYPE_CHECKING:
    import tensorflow
    from keras import Layer, Model
    from onnx import ModelProto, NodeProto

Weights = NDArray[np.float32]

# Keras's layer → the operator, and its gates in the operator's order.
_OPERATORS = {"GRU": ("GRU", (0, 1, 2)), "LSTM": ("LSTM", (0, 3, 1, 2)), "SimpleRNN": ("RNN", (0,))}

# Keras's activations that ONNX's operators have, too.
_ACTIVATIONS = {name.lower(): name for name in ("Relu", "Tanh", "Sigmoid", "Softsign", "Softplus")}


@dataclass(frozen=True)
class _Marked:
    """A layer, and the matrix that stands for it."""

    layer: Layer
    marks: Weights  # (channels, units)


def layers_of(model: Model) -> list[Layer]:
    """The recurrent layers of a model that have an operator of their own."""
    found = (
        layer
        for layer in within(model)
        if type(layer).__name__ in _OPERATORS and type(layer).__module__.startswith("keras.")
    )
    return list({id(layer): layer for layer in found}.values())


def has_operators(model: ModelProto) -> bool:
    """Whether a graph has recurrent operators."""
    return any(node.op_type in RECURRENT for node in model.graph.node)


def to_onnx(model: Model, outputs: Sequence[str], shapes: Shapes) -> tuple[ModelProto, Function]:
    """A Keras model in ONNX, its recurrent layers as operators.

    Args:
        outputs: what its outputs are called.
        shapes: of one item each, for inputs that are open.

    Returns:
        the model, and the function whose inputs and outputs it has.

    Raises:
        ConversionError: a recurrent layer has a mask, a state that it is given, or an activation
            that ONNX's operators have not.
    """
    with _marking(layers_of(model)) as marked:
        function = freeze(model, outputs, shapes)
        made = by_tf2onnx(function)
    _put_back(made, marked)
    return made, function


@contextmanager
def _marking(layers: Sequence[Layer]) -> Iterator[list[_Marked]]:
    """Let layers be products with marks, for as long as this lasts; the ones that were called."""
    called: list[_Marked] = []
    for number, layer in enumerate(layers):
        object.__setattr__(layer, "call", _product(layer, number, called))
    try:
        yield called
    finally:
        for layer in layers:
            vars(layer).pop("call", None)


def _product(layer: Layer, number: int, called: list[_Marked]) -> Callable[..., object]:
    tf, plain = require("tensorflow"), layer.call

    @functools.wraps(plain)
    def call(
        sequences: tensorflow.Tensor, initial_state: object = None, mask: object = None, **_: bool
    ) -> object:
        if mask is not None or initial_state is not None or layer.return_state:
            raise ConversionError(
                f"layer '{layer.name}' has a mask, or a state that it is given or gives"
            )
        shape = (sequences.shape[-1], layer.cell.units)
        marks = np.random.default_rng(number).standard_normal(shape).astype(np.float32)
        called.append(_Marked(layer, marks))
        x = tf.reverse(sequences, [1]) if layer.go_backwards else sequences
        found = tf.matmul(x, tf.constant(marks))
        return found if layer.return_sequences else found[:, -1]

    return call


def _put_back(model: ModelProto, marked: Sequence[_Marked]) -> None:
    """Put operators in the place of products.

    Raises:
        ConversionError: a product is not there any more.
    """
    onnx = require("onnx")
    held = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    nodes: list[NodeProto] = []
    found: set[int] = set()
    for node in model.graph.node:
        which = _which(node, held, marked)
        if which is None:
            nodes.append(node)
            continue
        found.add(which)
        nodes += _operator(model, node, marked[which].layer)
    if len(found) != len(marked):
        raise ConversionError("a recurrent layer is lost on the way to ONNX")
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [t for t in model.graph.initializer if t.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    del model.graph.value_info[:]


def _which(node: NodeProto, held: dict[str, Array], marked: Sequence[_Marked]) -> int | None:
    weights = held.get(node.input[1]) if node.op_type == "MatMul" else None
    for number, one in enumerate(marked):
        if weights is not None and np.array_equal(weights, one.marks):
            return number
    return None


def _operator(model: ModelProto, node: NodeProto, layer: Layer) -> list[NodeProto]:
    """The operator of a layer between transposes: it has time first."""
    onnx, name = require("onnx"), node.output[0]
    kind, gates = _OPERATORS[type(layer).__name__]
    weights = _weights(layer.cell, gates)
    names = [f"{name}/{part}" for part in ("W", "R", "B")]
    axis = f"{name}/axis"
    values = (*zip(names, weights, strict=True), (axis, np.array([1], np.int64)))
    model.graph.initializer.extend(onnx.numpy_helper.from_array(v, n) for n, v in values)
    more = {"hidden_size": layer.cell.units, "activations": _activations(layer)}
    if kind == "GRU":
        more["linear_before_reset"] = int(layer.cell.reset_after)
    make, inner = onnx.helper.make_node, [f"{name}/{i}" for i in range(3)]
    return [
        make("Transpose", [node.input[0]], [inner[0]], f"{layer.name}/first", perm=[1, 0, 2]),
        make(kind, [inner[0], *names], [inner[1]], layer.name, **more),
        make("Squeeze", [inner[1], axis], [inner[2]], f"{layer.name}/squeeze"),
        make("Transpose", [inner[2]], [name], f"{layer.name}/last", perm=[1, 0, 2]),
    ]


def _weights(cell: Layer, gates: Sequence[int]) -> tuple[Weights, Weights, Weights]:
    """(1, gates · units, …) as ONNX has them: of the input, of the state, and both biases."""
    units = cell.units
    rows = np.concatenate([np.arange(units) + gate * units for gate in gates])
    kernel, again = (
        np.asarray(w, np.float32)[:, rows] for w in (cell.kernel, cell.recurrent_kernel)
    )
    bias = np.zeros((2, len(rows)), np.float32)
    if cell.bias is not None:
        given = np.asarray(cell.bias, np.float32)
        bias[: given.ndim if given.ndim > 1 else 1] = given.reshape(-1, len(rows))[:, rows]
    return kernel.T[None].copy(), again.T[None].copy(), bias.reshape(1, -1)


def _activations(layer: Layer) -> list[str]:
    cell = layer.cell
    own = _named(layer, cell.activation)
    if not hasattr(cell, "recurrent_activation"):
        return [own]
    gate = _named(layer, cell.recurrent_activation)
    return [gate, own, own] if type(layer).__name__ == "LSTM" else [gate, own]


def _named(layer: Layer, function: Callable[..., object]) -> str:
    name = getattr(function, "__name__", "")
    if name not in _ACTIVATIONS:
        raise ConversionError(
            f"layer '{layer.name}' has the activation '{name}', which ONNX's has not"
        )
    return _ACTIVATIONS[name]
