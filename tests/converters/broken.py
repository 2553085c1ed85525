"""Artifacts with something wrong in them that still load and run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgenets.artifact import StateLink
from edgenets.converters.formats import Written

Change = Callable[[NDArray[Any]], NDArray[Any]]


def never_carried(written: Written) -> Written:
    """No state ever moves."""
    states = tuple(replace(link, hold=1 << 20) for link in written.artifact.states)
    return replace(written, artifact=replace(written.artifact, states=states))


def crossed(written: Written, one: str, other: str) -> Written:
    """What two states hand on is swapped."""
    by_name = {link.input.name: link for link in written.artifact.states}

    def outcome(link: StateLink) -> StateLink:
        partner = {one: other, other: one}.get(link.input.name, link.input.name)
        end = by_name[partner].output
        # A file of integers knows its scales; this is about float, where nothing tells.
        return replace(link, output=replace(end, name=end.name))

    states = tuple(map(outcome, written.artifact.states))
    return replace(written, artifact=replace(written.artifact, states=states))


def _onnx(written: Written, change: Callable[[Any], None]) -> Written:
    name = written.artifact.files[0]
    model = onnx.load_from_string(written.files[name])
    change(model.graph)
    onnx.checker.check_model(model)
    return replace(written, files={name: model.SerializeToString()})


def weights(written: Written, change: Change) -> Written:
    """Every matrix of an ONNX file changed."""

    def apply(graph: Any) -> None:
        for item in graph.initializer:
            value = numpy_helper.to_array(item)
            if value.ndim >= 2 and value.dtype in (np.float32, np.float16, np.int8):
                item.CopyFrom(numpy_helper.from_array(change(value).astype(value.dtype), item.name))

    return _onnx(written, apply)


def reordered(written: Written, order: list[int]) -> Written:
    """An ONNX file's scores in another order."""

    def apply(graph: Any) -> None:
        for node in graph.node:
            if node.output[0] == "logits":
                node.output[0] = "in_order"
        graph.initializer.append(numpy_helper.from_array(np.array(order), "order"))
        graph.node.append(helper.make_node("Gather", ["in_order", "order"], ["logits"], axis=2))

    return _onnx(written, apply)


def rescaled_onnx(written: Written, state: str, factor: float) -> Written:
    """A state of an ONNX file leaves in another scale than it comes in."""

    def apply(graph: Any) -> None:
        values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        (end,) = (n for n in graph.node if n.output[0] == f"{state}/next")
        (quantize,) = (n for n in graph.node if n.output[0] == end.input[0])
        assert quantize.op_type == "QuantizeLinear"
        scale = np.asarray(factor * values[quantize.input[1]], np.float32)
        graph.initializer.append(numpy_helper.from_array(scale, "another_scale"))
        quantize.input[1] = "another_scale"

    return _onnx(written, apply)


def rescaled_tflite(written: Written, state: str, factor: float) -> Written:
    """The same of a TFLite file, whose states are seen from outside as they are inside."""
    name = written.artifact.files[0]
    model: Any = schema.ModelT.InitFromPackedBuf(written.files[name], 0)
    (graph,) = model.subgraphs
    names = [t.name.decode() for t in graph.tensors]
    place = names.index(f"{state}/next")
    graph.tensors[place].quantization.scale = factor * graph.tensors[place].quantization.scale
    return replace(written, files={name: _packed(model)})


def flat_weights(written: Written, change: Change) -> Written:
    """Every float matrix of a TFLite file changed."""
    name = written.artifact.files[0]
    model: Any = schema.ModelT.InitFromPackedBuf(written.files[name], 0)
    for tensor in model.subgraphs[0].tensors:
        buffer = model.buffers[tensor.buffer]
        if buffer.data is not None and tensor.type == schema.TensorType.FLOAT32:
            value = np.frombuffer(bytes(buffer.data), np.float32)
            buffer.data = np.frombuffer(change(value).tobytes(), np.uint8)
    return replace(written, files={name: _packed(model)})


def _packed(model: Any) -> bytes:
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
