"""What an ONNX file needs: of its runtime, and of memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgenets.errors import ModelError, first_line
from edgenets.extras import require

from ..step.liveness import Turn, peak

if TYPE_CHECKING:
    from onnx import GraphProto

# Opset → the first ONNX Runtime that reads it; onnxruntime.ai/docs/reference/compatibility.
_RUNTIMES = {
    13: "1.6", 14: "1.8", 15: "1.9", 16: "1.11", 17: "1.12", 18: "1.14", 19: "1.15", 20: "1.17",
    21: "1.18", 22: "1.21", 23: "1.23",
}  # fmt: skip

# Domains that ONNX Runtime has operators of.
_DOMAINS = ("", "ai.onnx", "com.microsoft")


@dataclass(frozen=True)
class OnnxFacts:
    """What was read of a file."""

    operators: int
    opset: int
    runtime: str  # the oldest that reads it; nothing where that is not known
    third_party: tuple[str, ...]  # operators of other domains
    peak: int | None  # bytes alive at once; None where a size is open
    where: str


def facts(content: bytes) -> OnnxFacts:
    """Read a file.

    Raises:
        ModelError: it is none.
    """
    onnx = require("onnx")
    try:
        model = onnx.load_model_from_string(content)
        # Shapes that are computed in the graph are followed, too.
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as exc:  # of protobuf's or of ONNX's C++ side
        raise ModelError(f"no ONNX file: {first_line(exc)}") from exc
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    third_party = {f"{n.domain}.{n.op_type}" for n in model.graph.node if n.domain not in _DOMAINS}
    peak, where = _peak(model.graph)
    return OnnxFacts(
        len(model.graph.node),
        opset,
        _RUNTIMES.get(max(opset, min(_RUNTIMES)), ""),
        tuple(sorted(third_party)),
        peak,
        where,
    )


def _sizes(graph: GraphProto) -> dict[str, int]:
    """Bytes of every tensor; what has no shape, or one that is open, is left out."""
    onnx = require("onnx")
    sizes: dict[str, int] = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        shape = [d.dim_value for d in kind.shape.dim]
        if not kind.HasField("shape") or 0 in shape or not kind.elem_type:
            continue
        width = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).itemsize
        sizes[value.name] = int(np.prod(shape, dtype=np.int64)) * width
    return sizes


def _peak(graph: GraphProto) -> tuple[int | None, str]:
    """The most bytes alive at once, as nodes follow one another."""
    sizes = _sizes(graph)
    turns = [Turn(node.input, [n for n in node.output if n]) for node in graph.node]
    if not sizes.keys() >= {name for turn in turns for name in turn.gives}:
        return None, ""
    constants = {t.name for t in graph.initializer}
    first = [v.name for v in graph.input if v.name in sizes.keys() - constants]
    most, place = peak(turns, sizes, first, [v.name for v in graph.output])
    return most, "its input" if place < 0 else f"{graph.node[place].op_type} ({place})"
