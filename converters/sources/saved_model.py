"""TensorFlow's SavedModel: a folder with a graph, its variables, and signatures to call it by.

It is opened by TensorFlow 1's loader: that restores variables and nothing else, where
`tf.saved_model.load` brings Python objects back and fails on optimizers that are no more, and
with it `TFLiteConverter.from_saved_model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.artefact import OPEN, TensorInfo
from edgenets.errors import ModelError, first_line
from edgenets.extras import require
from edgenets.native import captured_stderr, quiet_logging

from .source import Answers, Source

# Operators that reach beyond the model: files, Python, other libraries. A graph is a program. Those
# that save its variables (SaveV2, MergeV2Checkpoints) are in every file, and are not called here.
_REACHES_OUT = frozenset({
    "ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc",
    "Save", "SaveSlices", "PrintV2", "Print", "LoadAndRemapMatrix", "WholeFileReaderV2",
    "TextLineReaderV2", "TFRecordReaderV2", "FixedLengthRecordReaderV2", "TFRecordDataset",
    "TextLineDataset", "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2", "SqlDataset",
    "GeneratorDataset", "MapDataset", "DebugIdentityV2", "RegisterDataset", "DataServiceDataset",
    "InitializeTableFromTextFileV2", "InitializeTableFromTextFile", "DeleteFile",
    "DistributedSave", "SnapshotDataset", "SnapshotDatasetV2", "CacheDataset",
    "CacheDatasetV2", "XlaLaunch", "RemoteCall", "TPUExecute",
})  # fmt: skip

# What a step of the model is reached by, in this order of preference.
_SERVING = ("serving_default", "serve")

# No SavedModel of a compact net comes near this.
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
            quiet_logging(), captured_stderr(), graph.as_default(),
            tf.compat.v1.Session(graph=graph) as session,
        ):  # fmt: skip
            meta = tf.compat.v1.saved_model.load(session, ["serve"], str(path))
            called = _chosen(path, meta.signature_def)
            wanted = [t.name.partition(":")[0] for t in called.outputs.values()]
            frozen = constants.convert_variables_to_constants_from_session_graph(
                session, graph.as_graph_def(add_shapes=True), wanted
            )
    except ModelError:
        raise
    except Exception as exc:  # TensorFlow raises what its kernels raise
        raise ModelError(f"{path}: TensorFlow cannot read it: {first_line(exc)[:300]}") from exc
    signature = Signature(
        frozen, tuple(t.name for t in called.inputs.values()),
        tuple(t.name for t in called.outputs.values()),
    )  # fmt: skip
    inputs = tuple(_info(path, n, t) for n, t in called.inputs.items())
    outputs = tuple(_info(path, n, t) for n, t in called.outputs.items())
    return Source(
        path, "saved_model", path.name, signature, inputs, outputs,
        _answering(signature, inputs, outputs),
    )  # fmt: skip


def _check(path: Path) -> None:
    """Refuse what is no SavedModel, and a graph that reaches beyond itself."""
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
        graph = meta.graph_def
        for node in (*graph.node, *(n for f in graph.library.function for n in f.node_def)):
            if node.op in _REACHES_OUT:
                raise ModelError(
                    f"{path}: its graph has the operator {node.op} ('{node.name}'), which reaches "
                    f"beyond the model; edgenets runs no such code. Export the net without it"
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
            signature.graph, input_map=dict(zip(signature.inputs, values, strict=True)),
            return_elements=list(signature.outputs), name="",
        )  # fmt: skip

    with quiet_logging():
        return tf.compat.v1.wrap_function(imported, specs)


def _plain(name: str) -> str:
    """A name that TensorFlow takes for a placeholder."""
    return "".join(c if c.isalnum() or c == "_" else "_" for c in name)


def _answering(
    signature: Signature, inputs: tuple[TensorInfo, ...], outputs: tuple[TensorInfo, ...]
) -> Any:
    def answer(given: Mapping[str, NDArray[Any]]) -> Answers:
        tf = require("tensorflow")
        shapes = {name: values.shape for name, values in given.items()}
        call = function_of(signature, shapes, inputs)
        found = call(*(tf.constant(given[i.name]) for i in inputs))
        return {o.name: np.asarray(v) for o, v in zip(outputs, found, strict=True)}

    return answer
