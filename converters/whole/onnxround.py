"""ONNX files in other precisions, by ONNX Runtime's own tools."""

from __future__ import annotations

import inspect
import logging
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgenets.artifact import TensorInfo
from edgenets.errors import ConversionError, first_line
from edgenets.extras import require
from edgenets.files import Json
from edgenets.native import quiet_logging
from edgenets.quantization import (
    PAIR_STEPS,
    WEIGHT_STEPS,
    per_channel_scales,
    quantize_weights,
)
from edgenets.recipeparts import QuantizeRecipe

from ..sources.onnx_file import opset_of
from . import onnxranges, onnxweights
from .onnxnames import MOVING, PRODUCTS, layer_of, shortened
from .onnxpairs import within_pairs
from .samples import Samples, items_of

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

    # (weights, name) → initializers and nodes that give the weights; None: they stay as they are.
    _Store = Callable[[NDArray[np.float32], str], tuple[list[TensorProto], list[NodeProto]] | None]

# Scales of channels came to QuantizeLinear with the one, integers of 16 bits with the other.
_OPSET_AXIS, _OPSET_INT16 = 13, 21

# Operators of (directions, gates · units, …) weights each.
RECURRENT = ("GRU", "LSTM", "RNN")

# Weights of fewer elements are left as they are: what a Cast takes is more than they save.
_FEW = 64


Weights = NDArray[np.float32]


def halved(model: ModelProto) -> ModelProto:
    """Weights stored in 16 bits, and cast back where they are used."""
    onnx = require("onnx")

    def stored(weights: Weights, name: str) -> tuple[list[TensorProto], list[NodeProto]]:
        half = onnx.numpy_helper.from_array(weights.astype(np.float16), f"{name}/half")
        cast = onnx.helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT)
        return [half], [cast]

    return _stored_otherwise(model, stored)


def weights_in_bytes(model: ModelProto, per_channel: bool = True) -> ModelProto:
    """Weights of convolutions and products stored in 8 bits with a scale a channel, or with one."""
    onnx = require("onnx")
    model = _of_opset(model, _OPSET_AXIS)
    axes = _channel_axes(model)

    def stored(weights: Weights, name: str) -> tuple[list[TensorProto], list[NodeProto]] | None:
        if name not in axes:
            return None
        axis = axes[name]
        scales = per_channel_scales(weights, axis)
        if not per_channel:
            scales = np.full_like(scales, scales.max())
        parts = [
            onnx.numpy_helper.from_array(quantize_weights(weights, scales, axis), f"{name}/int8"),
            onnx.numpy_helper.from_array(scales, f"{name}/scale"),
            onnx.numpy_helper.from_array(np.zeros(len(scales), np.int8), f"{name}/zero"),
        ]
        names = [p.name for p in parts]
        node = onnx.helper.make_node("DequantizeLinear", names, [name], axis=axis)
        return parts, [node]

    return _stored_otherwise(model, stored)


def with_compensated_weights(
    model: ModelProto, samples: Samples, quantize: QuantizeRecipe, wide: bool = False
) -> ModelProto:
    """The model with the weights that will be rounded on their grids; arguments and errors as
    `quantized`."""
    kept = _float_nodes(model, quantize.keep_float)
    infos = _inputs(model, samples)
    return onnxweights.with_compensated_weights(
        model, samples, infos, quantize.per_channel, kept, WEIGHT_STEPS if wide else PAIR_STEPS
    )


def with_weights_of(other: ModelProto, model: ModelProto, layers: Collection[str]) -> ModelProto:
    """A model whose layers have the weights that they have in another; see `quantized`."""
    copy: ModelProto = require("onnx").ModelProto()
    copy.CopyFrom(model)
    nodes = set(_float_nodes(model, layers))
    wanted = {name for node in copy.graph.node if node.name in nodes for name in node.input}
    held = {tensor.name: tensor for tensor in other.graph.initializer}
    for tensor in copy.graph.initializer:
        if tensor.name in wanted:
            tensor.CopyFrom(held[tensor.name])
    return copy


def quantized(
    model: ModelProto,
    samples: Samples,
    quantize: QuantizeRecipe,
    wide: bool = False,
    cache: Path | None = None,
    operators: Collection[str] = (),
) -> ModelProto:
    """Activations in integers, calibrated on samples (ONNX Runtime's static quantization).

    Args:
        samples: (items, …) of every input, as the model takes them.
        quantize: layers, or nodes by their whole names, that stay float; whether weights have a
            scale a channel, or one a layer; whether the zero of activations is 0 and biases stay
            float, as TensorRT's parser wants it.
        wide: activations of 16 bits instead of 8.
        cache: a file where ranges are kept, so that they are looked for once.
        operators: kinds of operators that are rounded; nothing: all that the tool can round.

    Raises:
        ConversionError: the tool refuses it.
    """
    rounded = raw_quantized(model, samples, quantize, wide, cache, operators)
    return shortened(rounded, _own_names(model))


def _own_names(model: ModelProto) -> Callable[[NodeProto], str]:
    """What a node was called before rounding put others around it."""
    known = {node.name for node in model.graph.node if layer_of(node.name)}
    return lambda node: layer_of(node.name) if node.name in known else ""


def raw_quantized(
    model: ModelProto,
    samples: Samples,
    quantize: QuantizeRecipe,
    wide: bool = False,
    cache: Path | None = None,
    operators: Collection[str] = (),
) -> ModelProto:
    """The same as the tool writes it: inner tensors that it rounds keep their names."""
    onnx, tool = require("onnx"), require("onnxruntime.quantization")
    float_nodes = _float_nodes(model, quantize.keep_float)
    model = _of_opset(model, _OPSET_INT16 if wide else _OPSET_AXIS)
    infos = _inputs(model, samples)
    # Of 16 bits all that there is has room.
    calibrator = "minmax" if wide or quantize.calibrator == "auto" else quantize.calibrator
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder, quiet_logging(logging.ERROR):
        source, target = (Path(folder) / f"{n}.onnx" for n in ("a", "b"))
        onnx.save(model, source)
        try:
            ranges = onnxranges.options_of(calibrator, source, lambda: items_of(samples, infos))
            tool.quantize_static(
                source,
                target,
                onnxranges.reader_of(items_of(samples, infos)),
                quant_format=tool.QuantFormat.QDQ,
                per_channel=quantize.per_channel,
                activation_type=tool.QuantType.QInt16 if wide else tool.QuantType.QInt8,
                weight_type=tool.QuantType.QInt8,
                # Gates in float make an unrolled GRU half as large, and nearer.
                op_types_to_quantize=list(PRODUCTS if _unrolled(model) else operators) or None,
                extra_options={
                    "ActivationSymmetric": wide or quantize.symmetric,
                    "WeightSymmetric": True,
                    "QuantizeBias": not quantize.symmetric,
                    **ranges,
                },
                nodes_to_exclude=float_nodes,
                calibrate_method=onnxranges.method_of(calibrator),
                **_cached(tool, cache),
            )
        except Exception as exc:  # it raises what its passes raise
            raise ConversionError(f"quantize_static refuses the model: {exc}") from exc
        made: ModelProto = onnx.load(target)
        return made if wide else within_pairs(made)


def _inputs(model: ModelProto, samples: Samples) -> list[TensorInfo]:
    """What a model takes, of fixed shapes, in the order of the samples."""
    shapes = {
        value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in model.graph.input
    }
    return [TensorInfo(name, shapes[name], "float32") for name in samples]


def _float_nodes(model: ModelProto, keep: Collection[str]) -> list[str]:
    """Names of the nodes that stay float with these layers and nodes.

    Raises:
        ConversionError: one of them has no node of its own.
    """
    nodes = [node for node in model.graph.node if node.op_type not in MOVING]
    known = {name for node in nodes for name in (node.name, layer_of(node.name))}
    if folded := sorted(set(keep) - known):
        raise ConversionError(
            f"became a part of another layer, and stays float with that alone: {', '.join(folded)}"
        )
    return [n.name for n in model.graph.node if n.name in keep or layer_of(n.name) in keep]


def _of_opset(model: ModelProto, least: int) -> ModelProto:
    """The model in an opset that is at least so new.

    Raises:
        ConversionError: ONNX cannot write it so.
    """
    own = opset_of(model)
    if own >= least:
        return model
    try:
        with quiet_logging(logging.ERROR):
            made: ModelProto = require("onnx").version_converter.convert_version(model, least)
            return made
    except Exception as exc:  # of ONNX's C++ side
        raise ConversionError(f"is of opset {own}, and not of {least}: {first_line(exc)}") from exc


def _cached(tool: Any, cache: Path | None) -> Json:
    """What tells the tool where ranges are kept, if it can; ONNX Runtime 1.32 does."""
    known = inspect.signature(tool.quantize_static).parameters
    return {"calibration_cache_path": cache} if cache and "calibration_cache_path" in known else {}


def _unrolled(model: ModelProto) -> bool:
    """Whether there are gates, and weights that are used step after step."""
    held = {t.name for t in model.graph.initializer if len(t.dims) > 1}
    uses = sum(name in held for node in model.graph.node for name in node.input)
    gates = any(node.op_type in ("Sigmoid", "Tanh") for node in model.graph.node)
    return gates and uses > 2 * len(held)


def _stored_otherwise(model: ModelProto, stored: _Store) -> ModelProto:
    """A copy whose float weights are stored as `stored` says."""
    onnx = require("onnx")
    copy: ModelProto = onnx.ModelProto()
    copy.CopyFrom(model)
    kept: list[TensorProto] = []
    nodes: list[NodeProto] = []
    for weights in copy.graph.initializer:
        array = onnx.numpy_helper.to_array(weights)
        large = array.dtype == np.float32 and array.size >= _FEW
        made = stored(array, weights.name) if large else None
        kept += [weights] if made is None else made[0]
        nodes += [] if made is None else made[1]
    every = [*nodes, *copy.graph.node]
    del copy.graph.initializer[:], copy.graph.node[:]
    copy.graph.initializer.extend(kept)
    copy.graph.node.extend(every)
    return copy


def _channel_axes(model: ModelProto) -> dict[str, int]:
    """The axis of output channels of each weight, by name."""
    found = {}
    axes = {"Conv": 0, "ConvTranspose": 1, "MatMul": 1, "Gemm": 1}
    matrices = {t.name for t in model.graph.initializer if len(t.dims) > 1}
    for node in model.graph.node:
        if node.op_type in axes and node.input[1] in matrices:
            turned = any(a.name == "transB" and a.i for a in node.attribute)
            found[node.input[1]] = 0 if turned else axes[node.op_type]
        elif node.op_type in RECURRENT:  # of the input, and of the state: gates by directions
            found |= {name: 1 for name in node.input[1:3] if name in matrices}
    return found
