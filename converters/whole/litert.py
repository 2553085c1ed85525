"""A float TFLite file rounded, by LiteRT's own quantizer: no model behind the file is needed."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from edgenets.artifact import Precision
from edgenets.errors import ConversionError, first_line
from edgenets.extras import require
from edgenets.native import captured_stderr, quiet_logging

from .. import formats
from ..formats import Written
from ..sources import tflite_file
from .samples import Samples, items_of

# What the quantizer asks a file by; files of before 2021 have none.
_SIGNATURE = "serving_default"


def rounded(given: Written, precision: Precision, samples: Samples | None) -> Written:
    """A float file in another precision.

    Args:
        given: a TFLite artifact in fp32.
        samples: (items, …) of every input to calibrate on; needed for int8 and int16x8.

    Raises:
        ConversionError: the quantizer refuses it.
    """
    tool, recipes = require("litert_quantizer.quantizer"), require("litert_quantizer.recipe")
    (model,) = given.files.values()
    named, inputs = _signed(model, given)
    try:
        with quiet_logging(), captured_stderr(), redirect_stdout(io.StringIO()):
            quantizer = tool.Quantizer(named)
            if precision == "fp16":
                _halve(quantizer)
            else:
                recipe = {
                    "dynamic": recipes.dynamic_wi8_afp32,
                    "int8": recipes.static_wi8_ai8,
                    "int16x8": recipes.static_wi8_ai16,
                }[precision]()
                quantizer.load_quantization_recipe(recipe)
            ranges = None
            if quantizer.need_calibration:
                items = [
                    {inputs[name]: value for name, value in item.items()}
                    for item in items_of(samples or {}, given.artifact.inputs)
                ]
                ranges = quantizer.calibrate({_SIGNATURE: items})
            data = bytes(quantizer.quantize(ranges).quantized_model)
    except Exception as exc:  # it raises what its steps raise
        raise ConversionError(f"litert-quantizer refuses the model: {first_line(exc)}") from exc
    taken, got = tflite_file.tensors(Path(given.artifact.files[0]), data)
    return formats.whole("tflite", precision, (data,), taken, got)


def _halve(quantizer: Any) -> None:
    """Weights stored in 16 bits."""
    types = require("litert_quantizer.qtyping")
    quantizer.update_quantization_recipe(
        regex=".*",
        operation_name=types.TFLOperationName.ALL_SUPPORTED,
        op_config=types.OpQuantizationConfig(
            weight_tensor_config=types.TensorQuantizationConfig(
                num_bits=16, dtype=types.TensorDataType.FLOAT
            ),
            compute_precision=types.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        ),
        algorithm_key=require("litert_quantizer.algorithm_manager").AlgorithmName.FLOAT_CASTING,
    )


def _signed(model: bytes, given: Written) -> tuple[bytes, dict[str, str]]:
    """The file with a signature, and by which name in it each input goes."""
    schema = require("ai_edge_litert.schema_py_generated")
    tree = tflite_file.parse(Path(given.artifact.files[0]), model)
    graph = tree.subgraphs[0]

    def entry(place: int, name: str) -> Any:
        found = schema.TensorMapT()
        found.name, found.tensorIndex = name.encode(), place
        return found

    taken = {info.name: f"in_{i}" for i, info in enumerate(given.artifact.inputs)}
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = _SIGNATURE.encode(), 0
    signature.inputs = [entry(p, n) for p, n in zip(graph.inputs, taken.values(), strict=True)]
    signature.outputs = [entry(p, f"out_{i}") for i, p in enumerate(graph.outputs)]
    tree.signatureDefs = [signature]
    return tflite_file.packed(tree), taken
