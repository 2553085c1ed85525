"""TFLite, by TensorFlow's own converter."""

from __future__ import annotations

from typing import Any

from edgenets.artefact import Precision, TensorInfo
from edgenets.errors import ConversionError, first_line
from edgenets.extras import require
from edgenets.native import captured_stderr, quiet_logging
from edgenets.quantization import Quantization

from .. import formats
from ..formats import Written
from ..sources import tflite_file
from .function import Function
from .samples import Samples, items_of


def write(source: Function, precision: Precision, samples: Samples | None) -> Written:
    """Convert to one precision.

    Args:
        samples: (items, …) of every input, as the model takes them, to calibrate on; needed for
            int8 and int16x8 of a function without ranges.

    Raises:
        ConversionError: the converter refuses the model; it says why.
    """
    tf = require("tensorflow")
    with quiet_logging():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([source.function])
    if precision != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if precision in ("int8", "int16x8") and not source.has_ranges:
        assert samples is not None, "checked by convert"
        names = [info.name for info in source.inputs]
        converter.representative_dataset = lambda: (
            [item[name] for name in names] for item in items_of(samples)
        )
        operators = tf.lite.OpsSet
        converter.target_spec.supported_ops = [
            operators.TFLITE_BUILTINS_INT8
            if precision == "int8"
            else operators.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
    if precision == "int8":  # the pixels as they come, and what an Edge TPU wants
        converter.inference_input_type = converter.inference_output_type = tf.int8
    try:
        with captured_stderr(), quiet_logging():  # it counts its passes there
            model = converter.convert()
    except Exception as exc:  # it raises ConverterError, RuntimeError, ValueError …
        raise ConversionError(f"TFLiteConverter refuses the model: {first_line(exc)}") from exc
    return _named(model, source, precision)


def _named(model: bytes, source: Function, precision: Precision) -> Written:
    """The file with the tensors called as the function has them, and what it takes and gives."""
    schema = require("ai_edge_litert.schema_py_generated")
    tree = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = tree.subgraphs[0]
    places = list(zip(graph.inputs, (i.name for i in source.inputs), strict=True))
    places += zip(graph.outputs, (i.name for i in source.outputs), strict=True)
    for index, name in places:
        graph.tensors[index].name = name.encode()
    for number, tensor in enumerate(graph.tensors):
        if number not in {index for index, _ in places}:
            tensor.name = f"t{number}".encode()  # long names are a tenth of a small file
    tree.signatureDefs = []  # it has the names of before, and no board asks for it
    infos = [_info(graph.tensors[i], schema) for i, _ in places]
    taken, given = infos[: len(graph.inputs)], infos[len(graph.inputs) :]
    return formats.whole("tflite", precision, (tflite_file.packed(tree),), taken, given)


def _info(tensor: Any, schema: Any) -> TensorInfo:
    names = {
        schema.TensorType.FLOAT32: "float32", schema.TensorType.INT8: "int8",
        schema.TensorType.UINT8: "uint8", schema.TensorType.INT16: "int16",
        schema.TensorType.INT32: "int32", schema.TensorType.INT64: "int64",
    }  # fmt: skip
    dtype: Any = names[tensor.type]
    found, q = tensor.quantization, None
    if dtype != "float32" and found is not None and found.scale is not None and len(found.scale):
        q = Quantization(float(found.scale[0]), int(found.zeroPoint[0]), dtype)
    return TensorInfo(tensor.name.decode(), tuple(int(d) for d in tensor.shape), dtype, q)
