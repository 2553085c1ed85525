"""How much of an artifact is in integers: operators that compute in them, and weights.

A file of the name int8 that holds no integer would pass every gate, and be none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgenets.errors import ConversionError
from edgenets.extras import require

from ..formats import Written
from ..sources import tflite_file
from .onnxnames import PRODUCTS

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

# Operators with weights, by format.
_TFLITE = (*tflite_file.PRODUCTS, "EMBEDDING_LOOKUP", "GATHER")
_ONNX = (*PRODUCTS, "Gather", "GRU", "LSTM", "RNN")
_OPENVINO = [
    "Convolution",
    "GroupConvolution",
    "ConvolutionBackpropData",
    "GroupConvolutionBackpropData",
    "MatMul",
    "Gather",
]

# What runtimes compute in integers where it stands between roundings.
_IN_INTEGERS = [
    *PRODUCTS,
    *[
        "Add",
        "Sub",
        "Mul",
        "Div",
        "AveragePool",
        "GlobalAveragePool",
        "MaxPool",
        "Relu",
        "LeakyRelu",
        "Clip",
        "Sigmoid",
        "Tanh",
        "Softmax",
        "Concat",
        "Resize",
        "ReduceMean",
        "ReduceSum",
        "ReduceMax",
        "ReduceMin",
        "HardSwish",
        "HardSigmoid",
        "InstanceNormalization",
        "Where",
        "ArgMax",
    ],
]

# What rounds, or turns types into each other, and computes nothing.
_ROUNDING = ("QUANTIZE", "DEQUANTIZE")

# Between weights and the operator that they are of.
_BEFORE_WEIGHTS = [
    "DequantizeLinear",
    "Cast",
    "Reshape",
    "Transpose",
    "Identity",
    "Convert",
    "Multiply",
    "Subtract",
    "FakeQuantize",
]

_INTEGERS = ("int4", "uint4", "i4", "u4", "int8", "uint8", "i8", "u8", "int16", "i16")


@dataclass(frozen=True)
class Share:
    """What of an artifact is in integers."""

    operators: int  # with weights
    with_integers: int  # of these, such as have integer weights
    weights: int  # numbers
    in_integers: int  # of these
    computing: int  # operators of any kind that compute in integers

    @property
    def nothing(self) -> bool:
        """Whether no weight of it is in integers; of one without weights, no operator."""
        return not (self.in_integers if self.operators else self.computing)

    def __str__(self) -> str:
        part = self.in_integers / max(1, self.weights)
        return (
            f"{self.with_integers} of {self.operators} operators with weights, and {part:.0%} of "
            f"the weights, are in integers"
        )


def share_of(written: Written) -> Share | None:
    """What of an artifact is in integers; None: its format is not looked into."""
    look = {"tflite": _tflite, "onnx": _onnx, "openvino": _openvino}.get(written.artifact.format)
    return None if look is None else look([*written.files.values()])


def check_integers(share: Share | None) -> None:
    """Refuse a name that promises integers to what has none.

    Raises:
        ConversionError: no number of it is in integers.
    """
    if share is not None and share.nothing:
        raise ConversionError(
            "nothing of it would be in integers: none of its weights are, or it has none"
        )


def _share(held: Iterable[tuple[str, int]], computing: int) -> Share:
    """Of the type and the size of each operator's weights."""
    every = list(held)
    integers = [size for kind, size in every if kind in _INTEGERS]
    total = sum(size for _, size in every)
    return Share(len(every), len(integers), total, sum(integers), computing)


def _tflite(contents: list[bytes]) -> Share:
    tree = tflite_file.tree_of(Path("artifact.tflite"), contents[0])
    held: list[tuple[str, int]] = []
    computing = 0
    for graph in tree.subgraphs:
        made = {int(i) for op in graph.operators for i in op.outputs} | {*map(int, graph.inputs)}
        for op in graph.operators:
            name, _ = tflite_file.operator_name(tree, op)
            given = [_Given(graph, int(i), int(i) not in made) for i in op.inputs if i >= 0]
            computing += name not in _ROUNDING and any(one.rounded for one in given[:1])
            held += _largest(given) if name in _TFLITE else []
    return _share(held, computing)


def _largest(given: Sequence[_Given]) -> list[tuple[str, int]]:
    """The type and the size of the largest constant; none: there is none."""
    constants = [(one.kind, one.size) for one in given if one.constant and one.size > 1]
    return [max(constants, key=_size)] if constants else []


class _Given:
    """What an operator of a TFLite file is given."""

    def __init__(self, graph: tflite_file.Tree, place: int, constant: bool) -> None:
        tensor = graph.tensors[place]
        self.kind, self.constant = tflite_file.type_of(tensor), constant
        self.size, self.rounded = int(np.prod(tensor.shape)), self.kind in _INTEGERS


def _size(one: tuple[str, int]) -> int:
    return one[1]


def _onnx(contents: list[bytes]) -> Share:
    model = require("onnx").load_model_from_string(contents[0])
    constants = {t.name: t for t in model.graph.initializer}
    nodes = list(model.graph.node)
    makers = {name: node for node in nodes for name in node.output}
    stored = {n.input[0] for n in nodes if n.op_type == "QuantizeLinear"}
    rounded = [n for n in nodes if n.op_type == "DequantizeLinear"]
    restored = {n.output[0] for n in rounded if n.input[0] not in constants}

    def computes(node: NodeProto) -> bool:
        # What is rounded before and after is computed in integers; what is so before alone is not.
        between = restored.intersection(node.input) and stored.intersection(node.output)
        return _of_integers(node) or bool(node.op_type in _IN_INTEGERS and between)

    weighted = [n for n in nodes if n.op_type in _ONNX or _of_integers(n)]
    held = [weights for n in weighted for weights in _onnx_weights(n, constants, makers)]
    return _share(held, sum(map(computes, nodes)))


def _of_integers(node: NodeProto) -> bool:
    """Whether an operator takes integers by its name."""
    return node.op_type.endswith("Integer") or node.op_type.startswith("QLinear")


def _onnx_weights(
    node: NodeProto, constants: Mapping[str, TensorProto], makers: Mapping[str, NodeProto]
) -> list[tuple[str, int]]:
    """The type and the size of a node's largest constant; none: it has none."""
    types = require("onnx").TensorProto.DataType
    found = []
    for name in node.input:
        while (maker := makers.get(name)) is not None and maker.op_type in _BEFORE_WEIGHTS:
            name = maker.input[0]
        if (tensor := constants.get(name)) is not None and len(tensor.dims) > 1:
            found.append((types.Name(tensor.data_type).lower(), int(np.prod(tensor.dims))))
    return [max(found, key=_size)] if found else []


def _openvino(contents: list[bytes]) -> Share:
    openvino = require("openvino")
    model = openvino.Core().read_model(contents[0], contents[1])
    held: list[tuple[str, int]] = []
    computing = 0
    for op in model.get_ordered_ops():
        kind = op.get_type_name()
        computing += kind == "FakeQuantize"
        if kind not in _OPENVINO:
            continue
        for port in op.input_values():
            node = port.get_node()
            while node.get_type_name() in _BEFORE_WEIGHTS:
                node = node.input_value(0).get_node()
            if node.get_type_name() == "Constant" and len(shape := list(node.shape)) > 1:
                held.append((node.get_element_type().get_type_name(), int(np.prod(shape))))
    return _share(held, computing)
