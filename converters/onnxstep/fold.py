"""An ONNX model with its sizes fixed, and all that only depends on them a constant."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgenets.artifact import TensorInfo
from edgenets.errors import ConversionError, first_line
from edgenets.extras import require
from edgenets.native import quiet_logging
from edgenets.onnxruntime import session_options

from ..whole.onnxshape import with_sizes

if TYPE_CHECKING:
    from onnx import ModelProto

# Fusions that lead to operators of ONNX Runtime's own are not among the basic ones; these would
# put scales into weights that the walk reads anyway, or transposes where it does not expect them.
_LEFT = ["TransposeOptimizer", "ConvActivationFusion"]


def folded(model: ModelProto, inputs: Sequence[TensorInfo]) -> ModelProto:
    """A model for items of a fixed size, its constants folded by ONNX Runtime.

    Args:
        inputs: without an open axis.

    Raises:
        ConversionError: these sizes fit no operator.
    """
    fixed = with_sizes(model, inputs)
    # What goes out was announced for any size, which those of the inputs may fit no more.
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    ort, onnx = require("onnxruntime"), require("onnx")
    settings = ort.SessionOptions()
    settings.log_severity_level = 4
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder, quiet_logging():
        path = Path(folder) / "folded.onnx"
        settings.optimized_model_filepath = str(path)
        try:
            ort.InferenceSession(
                fixed.SerializeToString(),
                settings,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=_LEFT,
                **session_options(ort),
            )
        except Exception as exc:  # ONNX Runtime's error classes share no base but Exception
            raise ConversionError(f"ONNX Runtime refuses it: {first_line(exc)}") from exc
        found: ModelProto = onnx.load_model(str(path))
    return found
