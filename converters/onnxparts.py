"""Parts of an ONNX file that need to know nothing of the step graph around them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from edgenets.quantization import Quantization, quantize

from .graph import Lookup
from .onnxfile import OnnxFile
from .scales import table_quantization

Stored = Literal["float32", "float16", "int8"]  # how a table is

_ACTIVATIONS = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softmax": "Softmax", "elu": "Elu",
    "leaky_relu": "LeakyRelu", "exponential": "Exp",
}  # fmt: skip


def write_activation(file: OnnxFile, kind: str, x: str, name: str, alpha: float = 0.0) -> str:
    """A function of each element, as `graph.Activation`; gives the name of its output."""
    if kind == "relu6":
        limits = [file.constant(np.asarray(v, np.float32)) for v in (0, 6)]
        return file.node("Clip", [x, *limits], name)
    every: dict[str, dict[str, Any]] = {"leaky_relu": {"alpha": alpha}, "softmax": {"axis": -1}}
    options = every.get(kind, {})
    return file.node(_ACTIVATIONS[kind], [x], name, **options)


def write_lookup(
    file: OnnxFile, op: Lookup, tokens: str, stored: Stored,
    q: Quantization | None,
) -> str:  # fmt: skip
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
