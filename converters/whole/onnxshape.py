"""An ONNX file of open shapes as one of fixed ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgenets.artifact import TensorInfo
from edgenets.errors import ConversionError, first_line
from edgenets.extras import require
from edgenets.native import quiet_logging

if TYPE_CHECKING:
    from onnx import ModelProto


def with_sizes(model: ModelProto, inputs: Sequence[TensorInfo]) -> ModelProto:
    """A copy whose inputs have these shapes; what is inside may say nothing of its own.

    Args:
        inputs: of one item each, without an open axis.
    """
    onnx, tools = require("onnx"), require("onnxruntime.tools.onnx_model_utils")
    copy: ModelProto = onnx.ModelProto()
    copy.CopyFrom(model)
    for info in inputs:
        tools.make_input_shape_fixed(copy.graph, info.name, list(info.shape))
    # What was announced inside may be of the open shapes still.
    del copy.graph.value_info[:]
    return copy


def fix_shapes(
    model: ModelProto, inputs: Sequence[TensorInfo]
) -> tuple[ModelProto, tuple[TensorInfo, ...]]:
    """A copy whose inputs have these shapes, and what its outputs are then.

    Args:
        model: an `onnx.ModelProto`.
        inputs: of one item each, without an open axis.

    Raises:
        ConversionError: a shape that follows from them stays open, or they fit no operator.
    """
    onnx = require("onnx")
    try:
        with quiet_logging():
            copy = with_sizes(model, inputs)
            inferred = onnx.shape_inference.infer_shapes(copy, strict_mode=True, data_prop=True)
    except Exception as exc:  # it raises a class of its own C++ side
        raise ConversionError(f"the shapes fit no operator: {first_line(exc)}") from exc
    outputs = []
    for value, found in zip(copy.graph.output, inferred.graph.output, strict=True):
        kind = found.type.tensor_type
        shape = tuple(int(d.dim_value) for d in kind.shape.dim)
        if not kind.HasField("shape") or 0 in shape:
            raise ConversionError(
                f"output '{value.name}' has no fixed shape even where the inputs have; export the "
                f"model for one item of a fixed size"
            )
        value.CopyFrom(found)
        dtype: Any = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
        outputs.append(TensorInfo(value.name, shape, dtype))
    return copy, tuple(outputs)
