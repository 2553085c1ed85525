"""Weights of an ONNX model on the grid of their integers; see `compensation`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import TensorInfo
from edgenets.errors import ConversionError, first_line
from edgenets.extras import require
from edgenets.onnxruntime import session_options
from edgenets.quantization import PAIR_STEPS

from .compensation import Look, Product, compensated
from .samples import Samples, items_of

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto
    from onnxruntime import InferenceSession


def with_compensated_weights(
    model: ModelProto,
    samples: Samples,
    inputs: Sequence[TensorInfo],
    per_channel: bool = True,
    keep: Collection[str] = (),
    steps: int = PAIR_STEPS,
) -> ModelProto:
    """A copy whose weights are rounded by what they meet.

    Args:
        samples: (items, …) of every input, as the model takes them.
        inputs: what the model takes, in the order of the samples.
        per_channel: whether integers have a scale a channel, or one a layer.
        keep: names of nodes whose weights stay as they are.
        steps: of an integer to each side of zero, where sums may overflow; see `onnxpairs`.

    Raises:
        ConversionError: ONNX Runtime cannot run it.
    """
    onnx = require("onnx")
    copy: ModelProto = onnx.ModelProto()
    copy.CopyFrom(model)
    held = {tensor.name: tensor for tensor in copy.graph.initializer}
    products, turned = _products(copy, keep, steps)
    if not products:
        return copy
    try:
        found = compensated(
            products, _look(copy), samples, lambda some: items_of(some, inputs), per_channel
        )
    except Exception as exc:  # of ONNX Runtime's C++ side
        raise ConversionError(f"ONNX Runtime refuses the model: {first_line(exc)}") from exc
    for name, weights in found.items():
        weights = weights.T if name in turned else weights
        held[name].CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(weights), name))
    return copy


def _products(
    model: ModelProto, keep: Collection[str], steps: int = PAIR_STEPS
) -> tuple[list[Product], set[str]]:
    """The products of a model, and the names of weights whose first axis is that of the inputs."""
    to_array = require("onnx").numpy_helper.to_array
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    uses = Counter(name for node in model.graph.node for name in node.input)
    known = {name: to_array(tensor) for name, tensor in held.items() if uses[name] == 1}
    nodes = [node for node in model.graph.node if node.name not in keep]
    found = [product for node in nodes if (product := _product(node, known)) is not None]
    found = [p if p.is_depthwise else replace(p, steps=steps) for p in found]
    return found, set(map(_turned, nodes))


def _product(node: NodeProto, known: Mapping[str, Array]) -> Product | None:
    """A node as a product; None: it is none, or what it does is not known."""
    if node.op_type in ("Conv", "Gemm", "MatMul") and node.input[1] in known:
        weights = known[node.input[1]]
        if weights.dtype == np.float32:
            return _convolution(node, weights) if node.op_type == "Conv" else _matrix(node, weights)
    return None


def _matrix(node: NodeProto, weights: Array) -> Product | None:
    plain = weights.ndim == 2 and not _attributes(node).get("transA", 0)
    turned = weights.T if _turned(node) else weights
    return Product(node.input[1], node.input[0], turned) if plain else None


def _convolution(node: NodeProto, weights: Array) -> Product | None:
    said, axes = _attributes(node), weights.ndim - 2
    if said.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        return None
    pads = said.get("pads", [0] * (2 * axes))
    return Product(
        node.input[1],
        node.input[0],
        weights,
        said.get("group", 1),
        tuple(said.get("strides", [1] * axes)),
        tuple(said.get("dilations", [1] * axes)),
        tuple(zip(pads[:axes], pads[axes:], strict=True)),
    )


def _turned(node: NodeProto) -> str:
    """The name of a matrix whose first axis is that of the inputs; nothing: it is none such."""
    inputs_first = node.op_type == "Gemm" and not _attributes(node).get("transB", 0)
    return node.input[1] if inputs_first or node.op_type == "MatMul" else ""


def _attributes(node: NodeProto) -> dict[str, Any]:
    value = require("onnx").helper.get_attribute_value
    return {attribute.name: value(attribute) for attribute in node.attribute}


def _look(model: ModelProto) -> Look:
    """What computes inner tensors of a model; a session is made for each set of them."""
    onnx, ort = require("onnx"), require("onnxruntime")
    made: dict[tuple[str, ...], InferenceSession] = {}

    def look(names: Sequence[str], item: Mapping[str, Array]) -> Mapping[str, Array]:
        key = tuple(names)
        if key not in made:
            shown = onnx.ModelProto()
            shown.CopyFrom(model)
            known = {value.name for value in (*shown.graph.output, *shown.graph.input)}
            shown.graph.output.extend(
                onnx.ValueInfoProto(name=name) for name in names if name not in known
            )
            made.clear()
            made[key] = ort.InferenceSession(
                shown.SerializeToString(),
                providers=["CPUExecutionProvider"],
                **session_options(ort),
            )
        inner = [name for name in names if name not in item]
        values = made[key].run(inner, dict(item)) if inner else []
        return {**item, **dict(zip(inner, values, strict=True))}

    return look
