"""Names in ONNX files: short ones, and what they say of layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from edgenets.artifact import TensorInfo
from edgenets.extras import require

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

# Operators whose weights are matrices.
PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm")

# What may be rounded, as far as it is worth leaving in float.
_COMPUTES = (*PRODUCTS, "Add", "Sub", "Mul", "Div", "AveragePool", "GlobalAveragePool", "Softmax",
             "Sigmoid", "Tanh", "LeakyRelu", "PRelu", "Concat", "Resize", "ReduceMean")  # fmt: skip

# What computes nothing, whatever layer it comes from.
MOVING = ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Cast")

_RECTIFIERS = ("Relu", "Clip")


def shortened(
    model: ModelProto, layer_of: Callable[[NodeProto], str] = lambda node: ""
) -> ModelProto:
    """Inner tensors and nodes by short names: long ones are a third of a small file.

    Args:
        layer_of: the layer that a node comes from, by which it is called then.
    """
    short_tensors(model)
    # Nodes without one would do, but ONNX Runtime's quantizer makes the names of tensors from it.
    counts: Counter[str] = Counter()
    for number, node in enumerate(model.graph.node):
        layer = layer_of(node)
        node.name = f"{layer}.{counts[layer]}" if layer else f"n{number}"
        counts[layer] += 1
    del model.graph.value_info[:]
    return model


def short_tensors(model: ModelProto) -> ModelProto:
    """Inner tensors by short names, such as no quantizer makes of others."""
    public = {value.name for value in (*model.graph.input, *model.graph.output)}
    inner: dict[str, str] = {}
    for node in model.graph.node:
        for name in (*node.input, *node.output):
            if name and name not in public:
                # The quantizer numbers copies of shared weights by putting a digit behind.
                inner.setdefault(name, f"t{len(inner)}_")
    rename(model, inner)
    return model


def layer_of(name: str) -> str:
    """The layer that a node comes from, by its name; nothing where that does not say it.

    Names are those that `shortened` gives; Keras's layers have no slash in theirs, as PyTorch's
    nodes have.
    """
    layer, _, number = name.rpartition(".")
    return layer if number.isdecimal() and "/" not in layer else ""


def ends_of(model: ModelProto) -> dict[str, tuple[str, ...]]:
    """The last result of every layer that has weights or adds up, in the order of the network.

    Of a file whose nodes say no layer, every node is one, by its own name. Where nothing but a
    rectifier follows, its result stands behind: it becomes a part of the rounding.
    """
    follows: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            follows.setdefault(name, []).append(node)
    ends = {}
    for node in model.graph.node:
        if not node.name or node.op_type not in _COMPUTES:
            continue
        next_ones = follows.get(node.output[0], [])
        rectified = [n.output[0] for n in next_ones if n.op_type in _RECTIFIERS]
        own = (node.output[0], *(rectified if len(next_ones) == 1 else ()))
        ends[layer_of(node.name) or node.name] = own
    return ends


def rounded_end(model: ModelProto, end: Sequence[str]) -> str:
    """Where the last result of a layer is in a rounded model; nothing where it is not known."""
    nodes = model.graph.node
    makers = {name: node.op_type for node in nodes for name in node.output}
    there = next((name for name in reversed(end) if name in makers), "")
    if len(end) == 1 or makers.get(there) in _RECTIFIERS:
        return there
    # The rectifier is gone: the integers' range begins where it did.
    stored = _results(model, "QuantizeLinear", {there})
    return next(iter(_results(model, "DequantizeLinear", set(stored))), "")


def _results(model: ModelProto, operator: str, of: set[str]) -> list[str]:
    """What nodes of an operator make of these tensors."""
    nodes = model.graph.node
    return [n.output[0] for n in nodes if n.op_type == operator and n.input[0] in of]


def with_outputs(
    model: ModelProto, tensors: Mapping[str, str]
) -> tuple[ModelProto, tuple[TensorInfo, ...]]:
    """A copy that gives inner tensors besides its outputs, and what they are.

    Args:
        tensors: inner ones in float32, by the names that they are to have outside.
    """
    onnx = require("onnx")
    copy: ModelProto = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {v.name: v for v in onnx.shape_inference.infer_shapes(model).graph.value_info}
    infos = []
    kind = onnx.TensorProto.FLOAT
    for name, tensor in tensors.items():
        if tensor not in known:  # its shape is not inferred
            continue
        found = known[tensor].type.tensor_type
        sizes = [d.dim_value for d in found.shape.dim]
        # Sizes are computed in the graph as well, and are no layer.
        if found.elem_type != kind or not all(sizes):
            continue
        copy.graph.node.append(onnx.helper.make_node("Identity", [tensor], [name]))
        copy.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, sizes))
        infos.append(TensorInfo(name, tuple(sizes), "float32"))
    return copy, tuple(infos)


def rename(model: ModelProto, names: dict[str, str]) -> None:
    """Give tensors other names, everywhere: branches and bodies of loops see those outside."""
    _rename(model.graph, names)


def _rename(graph: GraphProto, names: dict[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(n, n) for n in node.input]
        node.output[:] = [names.get(n, n) for n in node.output]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner, names)
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = names.get(value.name, value.name)
