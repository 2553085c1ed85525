"""Reductions of ONNX files, as OpenVINO computes them rightly beside integers.

Its CPU plugin (seen in 2026.4) takes what follows a reduction into it: a scale a channel, and a
rounding. Where the reduced axes are gone it takes them along another axis than the channels', and
answers wrongly; where they are kept, one long, and squeezed afterwards, it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgenets.extras import require

from ..sources.onnx_file import opset_of

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_REDUCTIONS = [
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceSumSquare",
]

# Squeeze takes its axes as an input from here on.
_AXES_GIVEN = 13


def keeping_axes(content: bytes) -> bytes:
    """An ONNX file whose reductions keep their axes, and are squeezed."""
    onnx = require("onnx")
    model: ModelProto = onnx.load_model_from_string(content)
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        nodes.append(node)
        axes = _axes(model, node) if node.op_type in _REDUCTIONS else None
        if not axes or _attribute(node, "keepdims", 1) == 1:
            continue
        (result,) = node.output
        kept = f"{result}/kept"
        others = [a for a in node.attribute if a.name != "keepdims"]
        del node.attribute[:]
        node.attribute.extend([*others, onnx.helper.make_attribute("keepdims", 1)])
        node.output[0] = kept
        if opset_of(model) >= _AXES_GIVEN:
            constant = onnx.numpy_helper.from_array(np.array(axes, np.int64), f"{result}/axes")
            model.graph.initializer.append(constant)
            nodes.append(onnx.helper.make_node("Squeeze", [kept, constant.name], [result]))
        else:
            nodes.append(onnx.helper.make_node("Squeeze", [kept], [result], axes=axes))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    made: bytes = model.SerializeToString()
    return made


def _axes(model: ModelProto, node: NodeProto) -> list[int]:
    """The axes of a reduction, where they are constant; none: of all, or not known."""
    given = [list(a.ints) for a in node.attribute if a.name == "axes"]
    if given:
        return given[0]
    if len(node.input) < 2:
        return []
    held = [t for t in model.graph.initializer if t.name == node.input[1]]
    to_array = require("onnx").numpy_helper.to_array
    return [int(axis) for axis in to_array(held[0]).reshape(-1)] if held else []


def _attribute(node: NodeProto, name: str, default: int) -> int:
    return next((a.i for a in node.attribute if a.name == name), default)
