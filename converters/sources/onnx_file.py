"""ONNX files."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import LARGEST_TENSOR, OPEN, Precision, TensorInfo
from edgenets.errors import ModelError, first_line
from edgenets.extras import require
from edgenets.onnxruntime import session_options
from edgenets.selfcontained import refuse_outside

from ..onnxstep.walk import walk
from ..whole.samples import one_by_one
from . import onnx_weights
from .ends import End, Made, end_before
from .source import Answers, Source

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

# Seen in no model of a device; a file that says so is broken or hostile.
_LARGEST = 1 << 30  # bytes

# The first version of files whose constants are no inputs.
_CONSTANTS_APART = 4

# What exporters call the size of a batch.
_BATCH = re.compile(r"n|b|bs|.*batch.*", re.IGNORECASE)

# Before this opset, Softmax without an axis was along all but the first.
_SOFTMAX_LAST = 13

# The oldest opset whose operators mean what they do now, for what compact networks hold.
_OLDEST_OPSET = 7


def read(path: Path) -> Source:
    """See `source.open_source`."""
    onnx = require("onnx")
    if path.stat().st_size > _LARGEST:
        raise ModelError(f"{path}: is larger than any model of a device")
    content = path.read_bytes()
    try:
        model = onnx.load_model_from_string(content)
    except Exception as exc:  # google.protobuf's DecodeError, wherever that lies
        raise ModelError(f"{path}: is no ONNX file, or a damaged one: {exc}") from exc
    if files := onnx_weights.take_in(path, model):
        content = model.SerializeToString()
    refuse_outside("onnx", [(str(path), content)], ModelError)
    return replace(source_of(path, model), files=files)


def source_of(path: Path, model: ModelProto) -> Source:
    """A model that is in memory already, with all its weights.

    Args:
        path: where it came from.
    """
    _check(path, model)
    _take_out_constants(model)
    batch = _batch_of(model)
    inputs = tuple(_info(path, v, batch) for v in model.graph.input)
    outputs = tuple(_info(path, v, batch) for v in model.graph.output)
    if not inputs or not outputs:
        raise ModelError(f"{path}: takes nothing, or gives nothing")
    walked = cache(lambda shapes: walk(model, inputs, dict(shapes)))
    return Source(
        path, "onnx", path.stem, model, inputs, outputs, _answering(path, model, inputs),
        precision_of(model), ends={info.name: end_of_tensor(model, info.name) for info in outputs},
        walked=lambda shapes: walked(tuple(sorted(shapes.items()))),
    )  # fmt: skip


def end_of_tensor(model: ModelProto, name: str) -> End:
    """What makes a tensor of a graph."""
    makers = {output: node for node in model.graph.node for output in node.output}
    last = -1 if opset_of(model) >= _SOFTMAX_LAST else None

    def made(tensor: str) -> Made[str] | None:
        if (node := makers.get(tensor)) is None:
            return None
        axes = [a.i for a in node.attribute if a.name == "axis"]
        return Made(node.op_type, node.input[0] if node.input else None, (axes or [last])[0])

    return end_before(name, made)


def opset_of(model: ModelProto) -> int:
    """The version of ONNX's own operators that it uses; 0: of none."""
    return next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)


def _take_out_constants(model: ModelProto) -> None:
    """Leave constants out of the inputs, among which files of before 2018 have them."""
    initial = {t.name for t in model.graph.initializer}
    given = [value for value in model.graph.input if value.name not in initial]
    del model.graph.input[:]
    model.graph.input.extend(given)
    model.ir_version = max(model.ir_version, _CONSTANTS_APART)


def precision_of(model: ModelProto) -> Precision:
    """What its weights and activations were rounded to."""
    kinds = {node.op_type for node in model.graph.node}
    if kinds & {"QLinearConv", "QLinearMatMul", "QuantizeLinear", "ConvInteger", "MatMulInteger"}:
        return "int8" if kinds & {"QuantizeLinear", "QLinearConv", "QLinearMatMul"} else "dynamic"
    return "dynamic" if "DequantizeLinear" in kinds else "fp32"


def _check(path: Path, model: ModelProto) -> None:
    """Refuse what no runtime should see."""
    onnx = require("onnx")
    if not model.graph.node:
        raise ModelError(f"{path}: is no ONNX file, or a damaged one: there is no graph in it")
    for tensor in model.graph.initializer:
        if int(np.prod(tensor.dims, dtype=np.float64)) > LARGEST_TENSOR:
            raise ModelError(f"{path}: tensor '{tensor.name}' is absurdly large")
    foreign = sorted({n.domain for n in model.graph.node} - {"", "ai.onnx", "com.microsoft"})
    if foreign:
        raise ModelError(
            f"{path}: has operators of {', '.join(foreign)}, which no runtime of a board knows"
        )
    opset = opset_of(model)
    if opset < _OLDEST_OPSET:
        raise ModelError(
            f"{path}: is of opset {opset}; {_OLDEST_OPSET} and newer are known. Export it again"
        )
    try:
        onnx.checker.check_model(model)
    except Exception as exc:  # ONNX's checker raises a class of its own C++ side
        raise ModelError(f"{path}: ONNX's checker refuses it: {first_line(exc)}") from exc


def _batch_of(model: ModelProto) -> Collection[str]:
    """What the sizes are called that are of a batch; "" is a size without a name.

    A first axis that is open need not be one: sequences may have time first, and states of several
    layers have these. It is where its size is called so, or where all inputs begin with it.
    """
    inputs = [list(value.type.tensor_type.shape.dim) for value in model.graph.input]
    every = {d.dim_param for dims in inputs for d in dims}
    if called := set(filter(_BATCH.fullmatch, every)):
        return called
    first = [dims[0] for dims in inputs if dims]
    names = {d.dim_param for d in first}
    return names if len(names) == 1 and not any(d.dim_value > 0 for d in first) else ()


def _info(path: Path, value: ValueInfoProto, batch: Collection[str]) -> TensorInfo:
    """What a model takes or gives, of a batch of one."""
    onnx = require("onnx")
    kind = value.type.tensor_type
    if value.type.WhichOneof("value") != "tensor_type":
        raise ModelError(f"{path}: '{value.name}' is no tensor")

    def size(axis: int, d: Any) -> int:
        if d.dim_value > 0:
            return int(d.dim_value)
        named = d.dim_param in batch and (d.dim_param or axis == 0)
        return 1 if named else OPEN

    shape = tuple(size(axis, d) for axis, d in enumerate(kind.shape.dim))
    dtype: Any = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    try:
        return TensorInfo(value.name, shape, dtype)
    except ValueError as exc:
        raise ModelError(f"{path}: {exc}") from exc


def _answering(path: Path, model: ModelProto, infos: Sequence[TensorInfo]) -> Any:
    """What ONNX Runtime makes of it, item by item."""
    held: list[Any] = []

    def run(inputs: Mapping[str, Array]) -> Answers:
        ort = require("onnxruntime")
        if not held:
            settings = ort.SessionOptions()
            settings.log_severity_level = 3
            try:
                held.append(
                    ort.InferenceSession(
                        model.SerializeToString(),
                        settings,
                        providers=["CPUExecutionProvider"],
                        **session_options(ort),
                    )
                )
            except Exception as exc:  # its error classes share no base but Exception
                raise ModelError(f"{path}: ONNX Runtime refuses it: {first_line(exc)}") from exc
        names = [o.name for o in held[0].get_outputs()]
        return dict(zip(names, held[0].run(names, dict(inputs)), strict=True))

    return lambda inputs: one_by_one(run, inputs, infos)
