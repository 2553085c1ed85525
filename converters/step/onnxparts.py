"""Parts of an ONNX file that need to know nothing of precisions."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.quantization import Quantization, quantize

from .graph import Conv, Depthwise, Lookup, Op, Pool, StepGraph
from .onnxfile import OnnxFile
from .scales import table_quantization

Stored = Literal["float32", "float16", "int8"]  # how a table is

_ACTIVATIONS = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softmax": "Softmax", "elu": "Elu",
    "leaky_relu": "LeakyRelu", "exponential": "Exp", "log": "Log",
}  # fmt: skip


def write_activation(file: OnnxFile, kind: str, x: str, name: str, alpha: float = 0.0) -> str:
    """A function of each element, as `graph.Activation`; gives the name of its output."""
    if kind == "relu6":
        limits = [file.constant(np.asarray(v, np.float32)) for v in (0, 6)]
        return file.node("Clip", [x, *limits], name)
    every: dict[str, dict[str, Any]] = {"leaky_relu": {"alpha": alpha}, "softmax": {"axis": -1}}
    options = every.get(kind, {})
    return file.node(_ACTIVATIONS[kind], [x], name, **options)


def dequantized(
    file: OnnxFile, stored: Array, scales: NDArray[np.float32], name: str, axis: int = 0
) -> str:
    """Stored integers as the real values that they stand for, with one scale a slice."""
    zeros = file.constant(np.zeros(scales.shape, stored.dtype))
    parts = [file.constant(stored), file.constant(scales), zeros]
    return file.node("DequantizeLinear", parts, name, axis=axis)


def open_softmax(file: OnnxFile, x: str, name: str) -> str:
    """The softmax of each frame over as many channels as were given.

    It stands upright: between two matrix products of open length OpenVINO's CPU plugin (2026.4)
    computes one that lies wrongly, once it began with a length of 1 and then meets 16 or more.
    """
    upright = file.node("Transpose", [x], f"{name}/upright", perm=[1, 0])
    shares = file.node("Softmax", [upright], f"{name}/shares", axis=0)
    return file.node("Transpose", [shares], name, perm=[1, 0])


def write_lookup(
    file: OnnxFile, op: Lookup, tokens: str, stored: Stored, q: Quantization | None
) -> str:
    """Rows of a table by their numbers; gives the name of the output.

    Args:
        stored: what the table is stored in.
        q: the output stays in these integers; None: it is float.
    """
    to = file.onnx.TensorProto.FLOAT
    if stored == "float32":
        return file.node("Gather", [file.constant(op.table), tokens], op.output, axis=0)
    if stored == "float16":
        half = file.constant(op.table.astype(np.float16))
        found = file.node("Gather", [half, tokens], f"{op.output}/half", axis=0)
        return file.node("Cast", [found], op.output, to=to)
    own = q or table_quantization(op.table)
    table = file.constant(quantize(op.table, own))
    if q is not None:
        return file.node("Gather", [table, tokens], op.output, axis=0)
    # No DequantizeLinear: where nothing but it stands before an output, ONNX Runtime 1.32 moves
    # it about and then refuses its own graph.
    found = file.node("Gather", [table, tokens], f"{op.output}/stored", axis=0)
    real = file.node("Cast", [found], f"{op.output}/cast", to=to)
    scale = file.constant(np.asarray(own.scale, np.float32))
    return file.node("Mul", [real, scale], op.output)


def image_of(file: OnnxFile, x: str, op: Conv | Depthwise | Pool, graph: StepGraph) -> str:
    """(frames, channels) as (1, channels of a band, frames, bands), as convolutions want it."""
    frames, channels = graph.shapes[op.inputs[0]]
    shape = file.ints((1, frames, op.bands, channels // op.bands))
    divided = file.node("Reshape", [x, shape], f"{op.output}/bands")
    return file.node("Transpose", [divided], f"{op.output}/image_in", perm=[0, 3, 1, 2])


def from_image(file: OnnxFile, image: str, op: Op, graph: StepGraph, what: str = "") -> str:
    """The other way; gives the name of the tensor: the operation's, with `what` behind it."""
    turned = file.node("Transpose", [image], f"{image}/turned", perm=[0, 2, 3, 1])
    shape = file.ints(graph.shapes[op.output])
    return file.node("Reshape", [turned, shape], f"{op.output}{what}")
