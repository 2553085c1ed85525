"""ONNX by tf2onnx, quantized by ONNX Runtime's own tools."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.artefact import Artefact, TensorInfo
from edgenets.errors import ConversionError, first_line
from edgenets.extras import require
from edgenets.native import captured_stderr, quiet_logging
from edgenets.quantization import per_channel_scales, quantize_weights

from .function import Function
from .samples import Samples, items_of

# As the step models have it: what OpenVINO and ONNX Runtime of the last years read.
_OPSET = 13

# 16-bit integers came to QuantizeLinear with this one.
_OPSET_INT16 = 21

# Operators whose weights are matrices.
_PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm")

# Weights of fewer elements are left as they are: what a Cast takes is more than they save.
_FEW = 64


def to_onnx(source: Function) -> Any:
    """The model in float32, an `onnx.ModelProto` with the names of the function.

    Raises:
        ConversionError: tf2onnx refuses it.
    """
    tf, tf2onnx = require("tensorflow"), require("tf2onnx")
    graph_def = source.function.graph.as_graph_def()
    inputs = [t.name for t in source.function.inputs]
    outputs = [t.name for t in source.function.outputs]
    try:
        with quiet_logging(), captured_stderr():
            # Constants folded by TensorFlow at once; tf2onnx would start a session for each.
            with tf.Graph().as_default():
                graph_def = require("tf2onnx.tf_loader").tf_optimize(inputs, outputs, graph_def)
            graph = tf.Graph()
            with graph.as_default():
                tf.import_graph_def(graph_def, name="")
            model, _ = tf2onnx.convert._convert_common(
                graph_def, name="edgenets", opset=_OPSET, input_names=inputs,
                output_names=outputs,
                shape_override={
                    name: list(info.shape) for name, info in zip(inputs, source.inputs, strict=True)
                },
            )  # fmt: skip
    except Exception as exc:  # tf2onnx raises what its passes raise
        raise ConversionError(f"tf2onnx refuses the model: {exc}") from exc
    infos = (*source.inputs, *source.outputs)
    _without_erfc(model)
    _rename(model, {n: info.name for n, info in zip((*inputs, *outputs), infos, strict=True)})
    for value, info in zip((*model.graph.input, *model.graph.output), infos, strict=True):
        for dimension, size in zip(value.type.tensor_type.shape.dim, info.shape, strict=True):
            dimension.dim_value = size
    return _prepared(model)


def from_tflite(
    model: bytes, artefact: Artefact
) -> tuple[Any, tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """A TFLite file as an `onnx.ModelProto`, its scales as they are; with its inputs and outputs.

    Args:
        artefact: what the file takes and gives; what is of integers there is so here.

    Raises:
        ConversionError: tf2onnx does not know one of its operators.
    """
    tf2onnx = require("tf2onnx")
    _teach_hard_swish()
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder, quiet_logging():
        path = Path(folder) / "a.tflite"
        path.write_bytes(model)
        try:
            made, _ = tf2onnx.convert.from_tflite(str(path), opset=_OPSET)
        except Exception as exc:  # it raises what its passes raise
            raise ConversionError(f"tf2onnx refuses the TFLite file: {first_line(exc)}") from exc
    inputs, outputs = artefact.inputs, artefact.outputs
    named: list[TensorInfo] = []
    values = (*made.graph.input, *made.graph.output)
    for value, info in zip(values, (*inputs, *outputs), strict=True):
        for dimension, size in zip(value.type.tensor_type.shape.dim, info.shape, strict=True):
            dimension.dim_value = size
        named.append(replace(info, name=value.name))
    return _shortened(made), tuple(named[: len(inputs)]), tuple(named[len(inputs) :])


@cache
def _teach_hard_swish() -> None:
    """Tell tf2onnx what TFLite's HARD_SWISH is, x · relu6(x + 3) / 6; it knows its name alone."""
    handler = require("tf2onnx.handler")

    @handler.tf_op("HardSwish")
    class HardSwish:
        @classmethod
        def version_1(cls, context: Any, node: Any, **kwargs: Any) -> None:
            def constant(value: float) -> str:
                made: str = context.make_const(
                    f"{node.name}/{value:g}", np.array(value, np.float32)
                ).output[0]
                return made

            (source,) = node.input
            moved = context.make_node("Add", [source, constant(3.0)]).output[0]
            clipped = context.make_node("Clip", [moved, constant(0.0), constant(6.0)]).output[0]
            scaled = context.make_node("Mul", [clipped, constant(1 / 6)]).output[0]
            node.type = "Mul"
            context.replace_inputs(node, [source, scaled])


def _without_erfc(model: Any) -> None:
    """1 − Erf(x) for Erfc(x), which tf2onnx writes for Keras's gelu and ONNX has not."""
    onnx, nodes = require("onnx"), []
    for node in model.graph.node:
        if node.op_type != "Erfc":
            nodes.append(node)
            continue
        (source,), (result,) = node.input, node.output
        one = onnx.numpy_helper.from_array(np.ones((), np.float32), f"{result}/one")
        model.graph.initializer.append(one)
        nodes.append(onnx.helper.make_node("Erf", [source], [f"{result}/erf"]))
        nodes.append(onnx.helper.make_node("Sub", [one.name, f"{result}/erf"], [result]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _prepared(model: Any) -> Any:
    """Normalisations folded into convolutions, and constants into one (ONNX Runtime's passes)."""
    onnx, shape = require("onnx"), require("onnxruntime.quantization.shape_inference")
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder, quiet_logging():
        source, target = (Path(folder) / f"{n}.onnx" for n in ("a", "b"))
        onnx.save(model, source)
        try:
            shape.quant_pre_process(source, target, skip_symbolic_shape=True)
        except Exception as exc:  # it raises what its passes raise
            raise ConversionError(f"quant_pre_process refuses the model: {exc}") from exc
        return _shortened(onnx.load(target))


def _shortened(model: Any) -> Any:
    """Inner tensors and nodes by short names: long ones are a third of a small file."""
    public = {value.name for value in (*model.graph.input, *model.graph.output)}
    inner: dict[str, str] = {}
    for node in model.graph.node:
        for name in (*node.input, *node.output):
            if name and name not in public:
                # The quantizer numbers copies of shared weights by putting a digit behind.
                inner.setdefault(name, f"t{len(inner)}_")
    _rename(model, inner)
    # Nodes without one would do, but ONNX Runtime's quantizer makes the names of tensors from it.
    for number, node in enumerate(model.graph.node):
        node.name = f"n{number}"
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


def quantized(model: Any, samples: Samples, wide: bool = False) -> Any:
    """Activations in integers, calibrated on samples (ONNX Runtime's static quantization).

    Args:
        samples: (items, …) of every input, as the model takes them.
        wide: activations of 16 bits instead of 8.

    Raises:
        ConversionError: the tool refuses it.
    """
    onnx, tool = require("onnx"), require("onnxruntime.quantization")
    if wide:
        with quiet_logging():
            model = onnx.version_converter.convert_version(model, _OPSET_INT16)
    reader: Any = type("Reader", (tool.CalibrationDataReader,), {"get_next": lambda self: None})()
    remaining = iter(items_of(samples))
    reader.get_next = lambda: next(remaining, None)
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder, quiet_logging():
        source, target = (Path(folder) / f"{n}.onnx" for n in ("a", "b"))
        onnx.save(model, source)
        try:
            tool.quantize_static(
                source, target, reader, quant_format=tool.QuantFormat.QDQ, per_channel=True,
                activation_type=tool.QuantType.QInt16 if wide else tool.QuantType.QInt8,
                weight_type=tool.QuantType.QInt8,
                # Gates in float make an unrolled GRU half as large, and nearer.
                op_types_to_quantize=list(_PRODUCTS) if _unrolled(model) else None,
                extra_options={"ActivationSymmetric": wide, "WeightSymmetric": True},
            )  # fmt: skip
        except Exception as exc:  # it raises what its passes raise
            raise ConversionError(f"quantize_static refuses the model: {exc}") from exc
        return _shortened(onnx.load(target))


def _unrolled(model: Any) -> bool:
    """Whether there are gates, and weights that are used step after step."""
    held = {t.name for t in model.graph.initializer if len(t.dims) > 1}
    uses = sum(name in held for node in model.graph.node for name in node.input)
    gates = any(node.op_type in ("Sigmoid", "Tanh") for node in model.graph.node)
    return gates and uses > 2 * len(held)


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
