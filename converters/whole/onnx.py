"""ONNX by tf2onnx."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgenets.artifact import Artifact, TensorInfo
from edgenets.errors import ConversionError, first_line
from edgenets.extras import optional, require
from edgenets.native import captured_stderr, quiet_logging

from .function import Function
from .onnxnames import PRODUCTS, rename, shortened

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

# As the step models have it: what OpenVINO and ONNX Runtime of the last years read.
_OPSET = 13

_ERRORS = "TF2ONNX_CATCH_ERRORS"

_SLOWER = "converting to ONNX takes longer"

# Products in TensorFlow.
_TF_PRODUCTS = ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul", "BatchMatMulV2")


def to_onnx(source: Function) -> ModelProto:
    """The model in float32, an `onnx.ModelProto` with the names of the function.

    Raises:
        ConversionError: tf2onnx refuses it.
    """
    tf = require("tensorflow")
    graph_def = source.function.graph.as_graph_def()
    inputs = [t.name for t in source.function.inputs]
    outputs = [t.name for t in source.function.outputs]
    try:
        with quiet_logging(logging.ERROR), captured_stderr():
            # Constants folded by TensorFlow at once; tf2onnx would start a session for each.
            fold = optional("tf2onnx.tf_loader", ("tf_optimize",), without=_SLOWER)
            if fold is not None:
                with tf.Graph().as_default():
                    graph_def = fold[0](inputs, outputs, graph_def)
            graph = tf.Graph()
            with graph.as_default():
                tf.import_graph_def(graph_def, name="")
            model = _converted(
                graph_def,
                name="edgenets",
                opset=_OPSET,
                input_names=inputs,
                output_names=outputs,
                shape_override={
                    name: list(info.shape) for name, info in zip(inputs, source.inputs, strict=True)
                },
            )
    except Exception as exc:  # tf2onnx raises what its passes raise
        raise ConversionError(f"tf2onnx refuses the model: {exc}") from exc
    infos = (*source.inputs, *source.outputs)
    _without_erfc(model)
    _without_negative_pads(model)
    rename(model, {n: info.name for n, info in zip((*inputs, *outputs), infos, strict=True)})
    for value, info in zip((*model.graph.input, *model.graph.output), infos, strict=True):
        for dimension, size in zip(value.type.tensor_type.shape.dim, info.shape, strict=True):
            dimension.dim_value = size
    return _prepared(model, _layers(model, source))


def _converted(graph_def: Any, **options: Any) -> Any:
    """What tf2onnx makes of a graph.

    It copies the whole graph before each of its passes, to go back to where one fails; of an
    unrolled one that is a third of its time. A pass that fails without a copy ends the conversion:
    it is done again with them.
    """
    convert = require("tf2onnx").convert._convert_common
    try:
        with _without_copies():
            return convert(graph_def, **options)[0]
    except Exception:  # as above
        return convert(graph_def, **options)[0]


@contextmanager
def _without_copies() -> Iterator[None]:
    """Tell tf2onnx, for as long as this lasts, that the errors of its passes are wanted."""
    before = os.environ.get(_ERRORS)
    os.environ[_ERRORS] = "false"  # that it is set at all is what is looked at
    try:
        yield
    finally:
        if before is None:
            del os.environ[_ERRORS]
        else:
            os.environ[_ERRORS] = before


def _layers(model: ModelProto, source: Function) -> Callable[[NodeProto], str]:
    """What tells the layer that a node comes from.

    Of a product that took in what stood behind it, tf2onnx forgets the name; those of both graphs
    stand in the same order.
    """

    def named(node: NodeProto) -> str:
        return next(iter(source.layers_of(node.name)), "")

    operations = source.function.graph.get_operations()
    layers = [source.layers_of(o.name)[:1] for o in operations if o.type in _TF_PRODUCTS]
    nodes = [node for node in model.graph.node if node.op_type in PRODUCTS]
    pairs = list(zip(nodes, layers, strict=False))
    if len(nodes) != len(layers) or any(named(n) not in ("", *own) for n, own in pairs):
        return named
    products = {node.name: own[0] for node, own in pairs if own}
    return lambda node: products.get(node.name) or named(node)


def from_tflite(
    model: bytes, artifact: Artifact
) -> tuple[ModelProto, tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """A TFLite file as an `onnx.ModelProto`, its scales as they are; with its inputs and outputs.

    Args:
        artifact: what the file takes and gives; what is of integers there is so here.

    Raises:
        ConversionError: tf2onnx does not know one of its operators.
    """
    tf2onnx = require("tf2onnx")
    _teach_hard_swish()
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder, quiet_logging(logging.ERROR):
        path = Path(folder) / "a.tflite"
        path.write_bytes(model)
        try:
            made, _ = tf2onnx.convert.from_tflite(str(path), opset=_OPSET)
        except Exception as exc:  # it raises what its passes raise
            raise ConversionError(f"tf2onnx refuses the TFLite file: {first_line(exc)}") from exc
    inputs, outputs = artifact.inputs, artifact.outputs
    named: list[TensorInfo] = []
    values = (*made.graph.input, *made.graph.output)
    for value, info in zip(values, (*inputs, *outputs), strict=True):
        for dimension, size in zip(value.type.tensor_type.shape.dim, info.shape, strict=True):
            dimension.dim_value = size
        named.append(replace(info, name=value.name))
    return shortened(made), tuple(named[: len(inputs)]), tuple(named[len(inputs) :])


@cache
def _teach_hard_swish() -> None:
    """Tell tf2onnx what TFLite's HARD_SWISH is, x · relu6(x + 3) / 6; it knows its name alone."""
    register = optional(
        "tf2onnx.handler", ("tf_op",), without="TFLite files with HARD_SWISH become no ONNX files"
    )
    if register is None:
        return

    @register[0]("HardSwish")
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


def _without_erfc(model: ModelProto) -> None:
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


def _without_negative_pads(model: ModelProto) -> None:
    """Rows that Keras's output_padding adds behind, as ONNX has them: tf2onnx writes pads below
    zero for them, which ONNX refuses."""
    helper = require("onnx").helper
    for node in model.graph.node:
        pads = next((list(a.ints) for a in node.attribute if a.name == "pads"), [])
        behind = pads[len(pads) // 2 :]
        if node.op_type != "ConvTranspose" or not any(p < 0 for p in behind):
            continue
        added = [max(0, -p) for p in behind]
        kept = [*pads[: len(pads) // 2], *(max(0, p) for p in behind)]
        others = [a for a in node.attribute if a.name not in ("pads", "output_padding")]
        del node.attribute[:]
        node.attribute.extend(others)
        node.attribute.append(helper.make_attribute("pads", kept))
        node.attribute.append(helper.make_attribute("output_padding", added))


def _prepared(model: ModelProto, layer_of: Callable[[NodeProto], str]) -> ModelProto:
    """Normalisations folded into convolutions, and constants into one (ONNX Runtime's passes)."""
    onnx, shape = require("onnx"), require("onnxruntime.quantization.shape_inference")
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder, quiet_logging(logging.ERROR):
        source, target = (Path(folder) / f"{n}.onnx" for n in ("a", "b"))
        onnx.save(model, source)
        try:
            shape.quant_pre_process(source, target, skip_symbolic_shape=True)
        except Exception as exc:  # it raises what its passes raise
            raise ConversionError(f"quant_pre_process refuses the model: {exc}") from exc
        return shortened(onnx.load(target), layer_of)
