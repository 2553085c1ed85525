"""TensorFlow's SavedModel: a folder with a graph, its variables, and signatures to call it by.

It is opened by TensorFlow 1's loader: that restores variables and nothing else, where
`tf.saved_model.load` brings Python objects back and fails on optimizers that are no more, and
with it `TFLiteConverter.from_saved_model`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import OPEN, TensorInfo
from edgenets.errors import ConversionError, ModelError, first_line
from edgenets.extras import require
from edgenets.native import captured_stderr, quiet_logging

from ..whole.samples import count, one_by_one
from .ends import End, Made, end_before
from .reach import functions_in, nodes_of, outside
from .source import Answers, Source

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef

# Of the graph that is for use, not for training.
_TAG = "serve"

# What a step of the model is reached by, in this order of preference.
_SERVING = ("serving_default", "serve")

# No SavedModel of a compact network comes near this.
_LARGEST = 1 << 30  # bytes


@dataclass(frozen=True)
class Signature:
    """A way to call a SavedModel, its variables made constants."""

    graph: Any  # GraphDef
    inputs: tuple[str, ...]  # names of its tensors, in the order of the source's inputs
    outputs: tuple[str, ...]


def read(path: Path) -> Source:
    """See `source.open_source`."""
    _check(path)
    tf = require("tensorflow")
    constants = require("tensorflow.python.framework.convert_to_constants")
    graph = tf.Graph()
    try:
        with (
            quiet_logging(),
            captured_stderr(),
            graph.as_default(),
            tf.compat.v1.Session(graph=graph) as session,
        ):
            meta = tf.compat.v1.saved_model.load(session, [_TAG], str(path))
            called = _chosen(path, meta.signature_def)
            # A map of protobuf's has another order in every process.
            taken, given = _ordered(called.inputs), _ordered(called.outputs)
            wanted = [t.name.partition(":")[0] for _, t in given]
            frozen = constants.convert_variables_to_constants_from_session_graph(
                session, graph.as_graph_def(add_shapes=True), wanted
            )
    except ModelError:
        raise
    except Exception as exc:  # TensorFlow raises what its kernels raise
        raise ModelError(f"{path}: TensorFlow cannot read it: {first_line(exc)[:300]}") from exc
    _name_apart(frozen)
    signature = Signature(frozen, tuple(t.name for _, t in taken), tuple(t.name for _, t in given))
    inputs = tuple(_info(path, n, t) for n, t in taken)
    outputs = tuple(_info(path, n, t) for n, t in given)
    return Source(
        path,
        "saved_model",
        path.name,
        signature,
        inputs,
        outputs,
        _answering(signature, inputs, outputs),
        ends={
            info.name: _end(frozen, name)
            for info, name in zip(outputs, signature.outputs, strict=True)
        },
    )


def _end(graph: GraphDef, tensor: str) -> End:
    """What makes a tensor of a frozen graph."""
    nodes = {node.name: node for node in graph.node}

    def made(name: str) -> Made[str] | None:
        node = nodes.get(name.partition(":")[0].lstrip("^"))
        return None if node is None else Made(node.op, node.input[0] if node.input else None)

    return end_before(tensor, made)


def _name_apart(graph: Any) -> None:
    """Give functions names that no other file's have: TensorFlow has one list of them for all."""
    mark = hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()[:12]
    names = {f.signature.name: f"{f.signature.name}_{mark}" for f in graph.library.function}
    for node in nodes_of(graph):
        node.op = names.get(node.op, node.op)
        for value in node.attr.values():
            for called in functions_in(value):
                called.name = names.get(called.name, called.name)
    for function in graph.library.function:
        function.signature.name = names[function.signature.name]
    for gradient in graph.library.gradient:
        gradient.function_name = names.get(gradient.function_name, gradient.function_name)
        gradient.gradient_func = names.get(gradient.gradient_func, gradient.gradient_func)


def _check(path: Path) -> None:
    """Refuse what is no SavedModel, and a graph that would reach beyond itself."""
    file = path / "saved_model.pb"
    if not file.is_file():
        raise ModelError(
            f"{path}: no SavedModel (it has no saved_model.pb), and no run folder of `edgenets "
            f"train` (it has no model.keras)"
        )
    if file.stat().st_size > _LARGEST:
        raise ModelError(f"{file}: is larger than any model of a device")
    message = require("tensorflow.core.protobuf.saved_model_pb2").SavedModel()
    try:
        message.ParseFromString(file.read_bytes())
    except Exception as exc:  # google.protobuf's DecodeError, wherever that lies
        raise ModelError(f"{file}: is damaged: {exc}") from exc
    if not message.meta_graphs:
        raise ModelError(f"{file}: is damaged: there is no graph in it")
    for meta in message.meta_graphs:
        if _TAG not in meta.meta_info_def.tags:
            continue
        outputs = [t.name for t in _chosen(path, meta.signature_def).outputs.values()]
        for operator, node in outside(meta, outputs):
            raise ModelError(
                f"{path}: its graph runs the operator {operator} ('{node}'), which reaches beyond "
                f"the model; edgenets runs no such code. Export the network without it"
            )


def _chosen(path: Path, signatures: Mapping[str, Any]) -> Any:
    """The signature that a server would call, or the only one."""
    real = {n: s for n, s in signatures.items() if s.inputs and s.outputs}
    for name in (*_SERVING, *([next(iter(real))] if len(real) == 1 else [])):
        if name in real:
            return real[name]
    known = ", ".join(real) or "none"
    raise ModelError(
        f"{path}: has no signature 'serving_default' (there are: {known}); export it with "
        f"`model.export(path)`"
    )


def _ordered(tensors: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """By name, output_2 before output_10."""
    parts = re.compile(r"(\d+)")
    return sorted(
        tensors.items(),
        key=lambda one: [p.zfill(9) if p.isdecimal() else p for p in parts.split(one[0])],
    )


def _info(path: Path, name: str, tensor: Any) -> TensorInfo:
    tf = require("tensorflow")
    if tensor.tensor_shape.unknown_rank:
        raise ModelError(f"{path}: '{name}' has no shape at all; export the model with an Input")
    shape = tuple(int(d.size) if d.size > 0 else OPEN for d in tensor.tensor_shape.dim)
    try:
        return TensorInfo(name, (1, *shape[1:]), tf.as_dtype(tensor.dtype).name)
    except ValueError as exc:
        raise ModelError(f"{path}: {exc}") from exc


def function_of(signature: Signature, shapes: Mapping[str, tuple[int, ...]], infos: Any) -> Any:
    """A concrete function of a signature, of fixed shapes.

    Args:
        shapes: of one item of each input, by name.
        infos: the source's inputs.
    """
    tf = require("tensorflow")
    specs = [tf.TensorSpec(shapes[i.name], i.dtype, name=_plain(i.name)) for i in infos]

    def imported(*values: Any) -> Any:
        return tf.graph_util.import_graph_def(
            signature.graph,
            input_map=dict(zip(signature.inputs, values, strict=True)),
            return_elements=list(signature.outputs),
            name="",
        )

    try:
        with quiet_logging():
            return tf.compat.v1.wrap_function(imported, specs)
    except Exception as exc:  # TensorFlow raises what its shapes raise
        raise ConversionError(
            f"its graph does not take {', '.join(str(list(s.shape)) for s in specs)}: "
            f"{first_line(exc)[:300]}"
        ) from exc


def _plain(name: str) -> str:
    """A name that TensorFlow takes for a placeholder."""
    return "".join(c if c.isalnum() or c == "_" else "_" for c in name)


def _answering(
    signature: Signature, inputs: tuple[TensorInfo, ...], outputs: tuple[TensorInfo, ...]
) -> Any:
    calls: dict[tuple[tuple[int, ...], ...], Any] = {}

    def called(given: Mapping[str, Array]) -> Answers:
        tf = require("tensorflow")
        shapes = {name: values.shape for name, values in given.items()}
        key = tuple(shapes.values())
        if key not in calls:
            calls[key] = function_of(signature, shapes, inputs)
        found = calls[key](*(tf.constant(given[i.name]) for i in inputs))
        return {o.name: np.asarray(v) for o, v in zip(outputs, found, strict=True)}

    def answer(given: Mapping[str, Array]) -> Answers:
        many = count(given)
        with suppress(Exception):  # of one that was exported for one item at a time
            found = called(given)
            if all(len(values) == many for values in found.values()):
                return found
        return one_by_one(called, given, inputs)

    return answer
