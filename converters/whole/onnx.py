"""ONNX by tf2onnx, quantized by ONNX Runtime's own tools."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import ConversionError
from edgenets.extras import require
from edgenets.native import quiet_logging
from edgenets.quantization import per_channel_scales, quantize_weights

from .picture_frozen import Frozen

# As the step models have it: what OpenVINO and ONNX Runtime of the last years read.
_OPSET = 13

# 16-bit integers came to QuantizeLinear with this one.
_OPSET_INT16 = 21

# Weights of fewer elements are left as they are: what a Cast takes is more than they save.
_FEW = 64


def to_onnx(frozen: Frozen) -> Any:
    """The model in float32, an `onnx.ModelProto` with the names of the spec.

    Raises:
        ConversionError: tf2onnx refuses it.
    """
    tf, tf2onnx = require("tensorflow"), require("tf2onnx")
    graph_def = frozen.function.graph.as_graph_def()
    inputs = [t.name for t in frozen.function.inputs]
    outputs = [t.name for t in frozen.function.outputs]
    try:
        with quiet_logging():
            graph = tf.Graph()
            with graph.as_default():
                tf.import_graph_def(graph_def, name="")
            model, _ = tf2onnx.convert._convert_common(
                graph_def, name="edgenets", opset=_OPSET, input_names=inputs,
                output_names=outputs, shape_override={inputs[0]: list(frozen.shape)},
            )  # fmt: skip
    except Exception as exc:  # tf2onnx raises what its passes raise
        raise ConversionError(f"onnx: tf2onnx refuses the model: {exc}") from exc
    _rename(model, dict(zip((*inputs, *outputs), (frozen.input, *frozen.outputs), strict=True)))
    shapes = (frozen.shape, *frozen.output_shapes)
    for value, shape in zip((*model.graph.input, *model.graph.output), shapes, strict=True):
        for dimension, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
            dimension.dim_value = size
    return _prepared(model)


def _prepared(model: Any) -> Any:
    """Normalisations folded into convolutions, and constants into one (ONNX Runtime's passes)."""
    onnx, shape = require("onnx"), require("onnxruntime.quantization.shape_inference")
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder, quiet_logging():
        source, target = (Path(folder) / f"{n}.onnx" for n in ("a", "b"))
        onnx.save(model, source)
        try:
            shape.quant_pre_process(source, target, skip_symbolic_shape=True)
        except Exception as exc:  # it raises what its passes raise
            raise ConversionError(f"onnx: quant_pre_process refuses the model: {exc}") from exc
        return _shortened(onnx.load(target))


def _shortened(model: Any) -> Any:
    """Inner tensors by short names: long ones are a third of a small file."""
    public = {value.name for value in (*model.graph.input, *model.graph.output)}
    inner: dict[str, str] = {}
    for node in model.graph.node:
        for name in (*node.input, *node.output):
            if name and name not in public:
                inner.setdefault(name, f"t{len(inner)}")
        node.name = ""
    _rename(model, inner)
    del model.graph.value_info[:]
    return model


def halved(model: Any) -> Any:
    """Weights stored in 16 bits, and cast back where they are used."""
    onnx = require("onnx")

    def stored(weights: NDArray[Any], name: str) -> tuple[list[Any], list[Any]]:
        half = onnx.numpy_helper.from_array(weights.astype(np.float16), f"{name}/half")
        cast = onnx.helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT)
        return [half], [cast]

    return _stored_otherwise(model, stored)


def weights_in_bytes(model: Any) -> Any:
    """Weights of convolutions and products stored in 8 bits with a scale a channel."""
    onnx = require("onnx")
    axes = _channel_axes(model)

    def stored(weights: NDArray[Any], name: str) -> tuple[list[Any], list[Any]] | None:
        if name not in axes:
            return None
        axis = axes[name]
        scales = per_channel_scales(weights, axis)
        parts = [
            onnx.numpy_helper.from_array(quantize_weights(weights, scales, axis), f"{name}/int8"),
            onnx.numpy_helper.from_array(scales, f"{name}/scale"),
            onnx.numpy_helper.from_array(np.zeros(len(scales), np.int8), f"{name}/zero"),
        ]
        names = [p.name for p in parts]
        node = onnx.helper.make_node("DequantizeLinear", names, [name], axis=axis)
        return parts, [node]

    return _stored_otherwise(model, stored)


def quantized(model: Any, pictures: NDArray[np.float32], input: str, wide: bool = False) -> Any:
    """Activations in integers, calibrated on pictures (ONNX Runtime's static quantization).

    Args:
        pictures: (n, height, width, channels), as the model takes them.
        input: name of the input.
        wide: activations of 16 bits instead of 8.

    Raises:
        ConversionError: the tool refuses it.
    """
    onnx, tool = require("onnx"), require("onnxruntime.quantization")
    if wide:
        with quiet_logging():
            model = onnx.version_converter.convert_version(model, _OPSET_INT16)
    reader: Any = type("Reader", (tool.CalibrationDataReader,), {"get_next": lambda self: None})()
    remaining = iter(pictures)
    reader.get_next = lambda: next(({input: p[None]} for p in remaining), None)
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder, quiet_logging():
        source, target = (Path(folder) / f"{n}.onnx" for n in ("a", "b"))
        onnx.save(model, source)
        try:
            tool.quantize_static(
                source, target, reader, quant_format=tool.QuantFormat.QDQ, per_channel=True,
                activation_type=tool.QuantType.QInt16 if wide else tool.QuantType.QInt8,
                weight_type=tool.QuantType.QInt8,
                extra_options={"ActivationSymmetric": wide, "WeightSymmetric": True},
            )  # fmt: skip
        except Exception as exc:  # it raises what its passes raise
            raise ConversionError(f"onnx: quantize_static refuses the model: {exc}") from exc
        return _shortened(onnx.load(target))


def _stored_otherwise(model: Any, stored: Any) -> Any:
    """A copy whose float weights are stored as `stored` says."""
    onnx = require("onnx")
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    kept, nodes = [], []
    for weights in copy.graph.initializer:
        array = onnx.numpy_helper.to_array(weights)
        made = (
            stored(array, weights.name)
            if array.dtype == np.float32 and array.size >= _FEW
            else None
        )
        if made is None:
            kept.append(weights)
        else:
            kept += made[0]
            nodes += made[1]
    every = [*nodes, *copy.graph.node]
    del copy.graph.initializer[:], copy.graph.node[:]
    copy.graph.initializer.extend(kept)
    copy.graph.node.extend(every)
    return copy


def _channel_axes(model: Any) -> dict[str, int]:
    """The axis of output channels of each weight, by name."""
    axes = {"Conv": 0, "ConvTranspose": 1, "MatMul": 1, "Gemm": 1}
    return {node.input[1]: axes[node.op_type] for node in model.graph.node if node.op_type in axes}


def _rename(model: Any, names: dict[str, str]) -> None:
    """Give tensors other names, everywhere."""
    for node in model.graph.node:
        node.input[:] = [names.get(n, n) for n in node.input]
        node.output[:] = [names.get(n, n) for n in node.output]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.name = names.get(value.name, value.name)
