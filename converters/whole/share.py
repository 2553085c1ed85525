"""How much of an artifact is in integers: operators that compute in them, and weights.

A file of the name int8 that holds no integer would pass every gate, and be none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgenets.errors import ConversionError
from edgenets.extras import require

from ..formats import Written
from ..sources import tflite_file
from .onnxnames import PRODUCTS

# Operators with weights, by format; in OpenVINO their second input holds them.
_TFLITE = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "FULLY_CONNECTED",
           "BATCH_MATMUL", "EMBEDDING_LOOKUP", "GATHER")  # fmt: skip
_ONNX = (*PRODUCTS, "Gather", "GRU", "LSTM", "RNN")
_OPENVINO = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul", "Gather",
             "GroupConvolutionBackpropData")  # fmt: skip

# What runtimes compute in integers where it stands between roundings.
_IN_INTEGERS = (
    *PRODUCTS, "Add", "Sub", "Mul", "Div", "AveragePool", "GlobalAveragePool", "MaxPool", "Relu",
    "LeakyRelu", "Clip", "Sigmoid", "Tanh", "Softmax", "Concat", "Resize", "ReduceMean",
    "ReduceSum", "ReduceMax", "ReduceMin", "HardSwish", "HardSigmoid", "InstanceNormalization",
    "Where", "ArgMax",
)  # fmt: skip

# What rounds, or turns types into each other, and computes nothing.
_ROUNDING = ("QUANTIZE", "DEQUANTIZE", "QuantizeLinear", "DequantizeLinear", "Cast")

# Between weights and the operator that they are of.
_BEFORE_WEIGHTS = ("DequantizeLinear", "Cast", "Reshape", "Transpose", "Identity", "Convert",
                   "Multiply", "Subtract", "FakeQuantize")  # fmt: skip

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
        """Whether no number of it is in integers."""
        return not self.in_integers and not self.computing

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
        raise ConversionError("nothing of it would be in integers: no operator of it is rounded")


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
            given = [graph.tensors[i] for i in op.inputs if i >= 0]
            constant = [graph.tensors[i] for i in op.inputs if i >= 0 and int(i) not in made]
            if name in _TFLITE and (large := [t for t in constant if np.prod(t.shape) > 1]):
                weights = max(large, key=lambda t: np.prod(t.shape))
                held.append((tflite_file.type_of(weights), int(np.prod(weights.shape))))
            rounded = given and tflite_file.type_of(given[0]) in _INTEGERS
            computing += bool(rounded and name not in _ROUNDING)
    return _share(held, computing)


def _onnx(contents: list[bytes]) -> Share:
    onnx = require("onnx")
    model = onnx.load_model_from_string(contents[0])
    constants = {t.name: t for t in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    stored = {n.input[0] for n in model.graph.node if n.op_type == "QuantizeLinear"}
    held: list[tuple[str, int]] = []
    computing = 0
    for node in model.graph.node:
        integer = node.op_type.endswith("Integer") or node.op_type.startswith("QLinear")
        before = [makers.get(name) for name in node.input]
        rounded = [m for m in before if m is not None and m.op_type == "DequantizeLinear"]
        live = [m for m in rounded if m.input[0] not in constants]
        # What is rounded before and after is computed in integers; what is so before alone is not.
        both = bool(live) and stored.intersection(node.output)
        computing += bool((node.op_type in _IN_INTEGERS and both) or integer)
        if node.op_type in _ONNX or integer:
            held += _onnx_weights(onnx, node, constants, makers)
    return _share(held, computing)


def _onnx_weights(
    onnx: Any, node: Any, constants: Mapping[str, Any], makers: Mapping[str, Any]
) -> list[tuple[str, int]]:
    """The type and the size of a node's largest constant; none: it has none."""
    found = []
    for name in node.input:
        while (maker := makers.get(name)) is not None and maker.op_type in _BEFORE_WEIGHTS:
            name = maker.input[0]
        if (tensor := constants.get(name)) is not None and len(tensor.dims) > 1:
            kind = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
            found.append((kind, int(np.prod(tensor.dims))))
    return [max(found, key=lambda one: one[1])] if found else []


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
