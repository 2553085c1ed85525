"""An ONNX graph as a TensorFlow function of one item."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgenets.artifact import TensorInfo
from edgenets.errors import ConversionError, first_line
from edgenets.extras import require
from edgenets.native import quiet_logging

from ..sources.onnx_file import opset_of
from ..whole.function import Function, frozen
from .gelu import with_gelus
from .node import OPERATORS, Node
from .value import Grid, Value

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

# To add operators: a module with functions that `operator` marks, and its name here.
_MODULES = (
    "convolutions", "elementwise", "norms", "pooling", "products", "recurrent", "reductions",
    "resizing", "rounding", "shapes",
)  # fmt: skip

Scope = dict[str, Value]


def unknown(model: ModelProto) -> tuple[str, ...]:
    """Operators of an `onnx.ModelProto` that cannot be replayed."""
    _load()
    return tuple(sorted({node.op_type for node in _every(model.graph)} - OPERATORS.keys() - {"If"}))


def replay(
    model: ModelProto, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> Function:
    """Do a graph's operators in TensorFlow.

    What depends on no input is computed now, and is a constant of the function.

    Args:
        model: an `onnx.ModelProto`.
        inputs: of one item each, of fixed shapes.
        outputs: what it gives for them.

    Raises:
        ConversionError: an operator is not known, or is used in a way that is not; it says which.
    """
    tf, model = require("tensorflow"), with_gelus(model)
    if missing := unknown(model):
        raise ConversionError(f"TFLite has no form of {', '.join(missing)}, or none known here")
    opset = opset_of(model)

    def call(*given: Any) -> list[Any]:
        scope = {info.name: Value.plain(t) for info, t in zip(inputs, given, strict=True)}
        _run(model.graph, scope, opset)
        # What an input or a constant is already, a function may not give as it is.
        return [tf.identity(_given(scope[info.name], info).as_onnx) for info in outputs]

    signature = [tf.TensorSpec(i.shape, i.dtype, name=i.name) for i in inputs]
    with quiet_logging():
        traced = tf.function(call, autograph=False).get_concrete_function(*signature)
        return frozen(traced, inputs, [info.name for info in outputs])


def _given(value: Value, info: TensorInfo) -> Value:
    """An output, of the type that the file says."""
    if value.dtype.name != info.dtype:
        raise ConversionError(
            f"output '{info.name}' is {info.dtype}, whose scale would be lost; let the model "
            f"end in a DequantizeLinear"
        )
    return value


def _load() -> None:
    for name in _MODULES:
        importlib.import_module(f"{__package__}.{name}")


def _every(graph: GraphProto) -> Iterator[NodeProto]:
    """Its nodes, and those of graphs within."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _every(attribute.g)


def _run(graph: GraphProto, scope: Scope, opset: int) -> None:
    """Put what a graph's nodes give into the scope."""
    numpy_helper = require("onnx").numpy_helper
    for tensor in graph.initializer:
        scope[tensor.name] = Value.plain(numpy_helper.to_array(tensor))
    for proto in graph.node:
        node = _node(proto, scope, opset)
        results = _branch(node, scope) if node.op == "If" else _done(node)
        if any(proto.output[len(results) :]):
            raise node.refusal(f"is asked for {len(proto.output)} results; {len(results)} is known")
        for name, value in zip(proto.output, results, strict=False):
            scope[name] = value


def _node(proto: NodeProto, scope: Mapping[str, Value], opset: int) -> Node:
    return Node(
        proto.op_type,
        proto.name or proto.output[0],
        {a.name: _attribute(proto.op_type, a) for a in proto.attribute},
        tuple(scope[name] if name else None for name in proto.input),
        len(proto.output),
        opset,
    )


def _attribute(op: str, attribute: AttributeProto) -> Any:
    onnx = require("onnx")
    found = onnx.helper.get_attribute_value(attribute)
    if isinstance(found, bytes):
        return found.decode(errors="replace")
    if isinstance(found, onnx.TensorProto):
        return onnx.numpy_helper.to_array(found)
    if (op, attribute.name) in (("Cast", "to"), ("QuantizeLinear", "output_dtype")) and found:
        return onnx.helper.tensor_dtype_to_np_dtype(found)
    if isinstance(found, list) and found and isinstance(found[0], bytes):
        return [part.decode(errors="replace") for part in found]
    return found


def _branch(node: Node, scope: Scope) -> list[Value]:
    """The branch of an If whose condition is known before anything is run."""
    taken = node.get("then_branch" if bool(node.constant(0).reshape(())) else "else_branch")
    inner = dict(scope)
    _run(taken, inner, node.opset)
    return [inner[value.name] for value in taken.output]


# Operators that move integers, or choose among them, whatever they stand for.
_MOVES = frozenset({
    "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "GatherElements", "GatherND",
    "GlobalMaxPool", "Identity", "MaxPool", "Pad", "ReduceMax", "ReduceMin", "Reshape", "Slice",
    "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
})  # fmt: skip

# Those that know of integers themselves, or ask for nothing but a shape.
_KNOW = ("QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "Shape", "Size")


def _grid_of(node: Node, given: list[Value]) -> Grid | None:
    """What a node's results are rounded to.

    Raises:
        ConversionError: it computes with integers, of which the real numbers are here.
    """
    grids = {value.grid for value in given if value.grid is not None}
    if not grids or node.op in _KNOW:
        return None
    grid, *others = grids
    moves = node.op in _MOVES or (node.op == "Relu" and grid.zero == 0)
    data = given if node.op == "Concat" else given[:1]
    if not moves or others or any(value.grid is None for value in data):
        raise node.refusal("computes with integers between a QuantizeLinear and a DequantizeLinear")
    return grid


def _done(node: Node) -> list[Value]:
    given = [value for value in node.inputs if value is not None]
    grid = _grid_of(node, given)
    made = _made(node, given)
    return made if grid is None else [replace(value, grid=grid) for value in made]


def _made(node: Node, given: list[Value]) -> list[Value]:
    tf = node.tf
    try:
        if not all(value.is_constant for value in given):
            return _listed(OPERATORS[node.op](node))
        with tf.init_scope():
            made = _listed(OPERATORS[node.op](node))
            return [replace(value, tensor=np.asarray(value.tensor)) for value in made]
    except ConversionError:
        raise
    except Exception as exc:  # TensorFlow and NumPy raise what they will of shapes that do not fit
        raise node.refusal(f"cannot be done: {first_line(exc)}") from exc


def _listed(made: Any) -> list[Value]:
    return [made] if isinstance(made, Value) else list(made)
