"""TFLite files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from edgenets import backend
from edgenets.arrays import Array
from edgenets.artifact import OPEN, Artifact, Precision, TensorInfo
from edgenets.errors import ModelError, first_line
from edgenets.extras import require
from edgenets.native import captured_stderr
from edgenets.quantization import Quantization
from edgenets.selfcontained import refuse_outside

from ..whole.samples import one_by_one
from .ends import End, Made, end_before
from .source import Answers, Source

# A file as a tree of its schema, with its operators and tensors: a generator wrote them untyped.
Tree: TypeAlias = Any
Operator: TypeAlias = Any
Tensor: TypeAlias = Any

# What is computed with weights.
PRODUCTS = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "TRANSPOSE_CONV",
    "CONV_3D",
    "FULLY_CONNECTED",
    "BATCH_MATMUL",
)

# Operators that only another processor's compiler writes, and what to do.
_COMPILED = {
    "edgetpu-custom-op": "is compiled for the Edge TPU; give the .tflite that it was compiled from",
    "ethos-u": "is compiled for Arm's Ethos-U by Vela; give the .tflite that it was compiled from",
    "Flex": "holds TensorFlow's own operators (Flex), which no board's interpreter has",
}


def read(path: Path) -> Source:
    """See `source.open_source`."""
    model = path.read_bytes()
    tree = parse(path, model)
    graph = tree.subgraphs[0]
    try:
        inputs = tuple(_open_info(graph.tensors[i]) for i in graph.inputs)
        if any(OPEN in info.shape for info in inputs):
            outputs = tuple(_open_info(graph.tensors[i]) for i in graph.outputs)
        else:
            inputs, outputs = tensors(path, model)
    except ValueError as exc:
        raise ModelError(f"{path}: {exc}") from exc
    precision = precision_of(tree)
    held: dict[tuple[tuple[int, ...], ...], backend.Session] = {}

    def run(given: Mapping[str, Array]) -> Answers:
        shapes = tuple(given[info.name].shape for info in inputs)
        if shapes not in held:
            taken = [replace(i, shape=s) for i, s in zip(inputs, shapes, strict=True)]
            file, own, made = sized(path, model, taken)
            try:
                artifact = Artifact("tflite", precision, (path.name,), own, made)
            except ValueError as exc:
                raise ModelError(f"{path}: {exc}") from exc
            held[shapes] = backend.load("tflite", artifact, {path.name: file})
        return held[shapes].run(given)

    def answer(given: Mapping[str, Array]) -> Answers:
        return one_by_one(run, given, inputs)

    real = tuple(map(_real, inputs)), tuple(map(_real, outputs))
    ends = dict(zip([info.name for info in outputs], ends_of(tree), strict=True))
    own = inputs, outputs
    return Source(path, "tflite", path.stem, model, *real, answer, precision, own, ends=ends)


def sized(
    path: Path, model: bytes, inputs: Sequence[TensorInfo]
) -> tuple[bytes, tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """A file whose inputs are of these shapes, and what it takes and gives then.

    Raises:
        ModelError: the interpreter refuses them.
    """
    tree = tree_of(path, model)
    graph = tree.subgraphs[0]
    shapes = [tuple(graph.tensors[place].shape) for place in graph.inputs]
    if shapes == [info.shape for info in inputs]:
        return model, *tensors(path, model)
    for tensor in graph.tensors:
        tensor.shapeSignature = None
    for place, info in zip(graph.inputs, inputs, strict=True):
        graph.tensors[place].shape = np.array(info.shape, np.int32)
    made = packed(tree)
    return made, *tensors(path, made)


def _open_info(tensor: Tensor) -> TensorInfo:
    """An input or output as the file has it; what is open besides the batch is so here."""
    signature = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
    batch, *others = [int(d) for d in signature] or [1]
    shape = (max(batch, 1), *(OPEN if d < 0 else d for d in others)) if len(signature) else ()
    dtype: Any = type_of(tensor)
    return TensorInfo(tensor.name.decode(), shape, dtype, quantization_of(tensor))


def quantization_of(tensor: Tensor) -> Quantization | None:
    """The scale and zero of a tree's tensor; None: its values are what they say."""
    dtype: Any = type_of(tensor)
    found = tensor.quantization
    if dtype == "float32" or found is None or found.scale is None or not len(found.scale):
        return None
    return Quantization(float(found.scale[0]), int(found.zeroPoint[0]), dtype)


def ends_of(tree: Tree) -> list[End]:
    """What makes each output of a tree's first graph."""
    graph = tree.subgraphs[0]
    makers = {int(place): op for op in graph.operators for place in op.outputs}

    def made(place: int) -> Made[int] | None:
        if (op := makers.get(place)) is None:
            return None
        given = [int(i) for i in op.inputs] if op.inputs is not None else []
        return Made(operator_name(tree, op)[0], given[0] if given else None)

    return [end_before(int(place), made) for place in graph.outputs]


def parse(path: Path, model: bytes) -> Tree:
    """The file as a tree of its schema, before an interpreter sees it.

    Raises:
        ModelError: as `tree_of`; or it is compiled for a processor that no interpreter here has; it
            is said which.
    """
    tree = tree_of(path, model)
    for mark, why in _COMPILED.items():
        if any(code.startswith(mark) for code in custom_of(tree)):
            raise ModelError(f"{path}: {why}")
    return tree


def custom_of(tree: Tree) -> set[str]:
    """Names of the operators of a tree that are not TFLite's own."""
    codes = {(c.customCode or b"").decode("utf-8", "replace") for c in tree.operatorCodes}
    return codes - {""}


def tree_of(path: Path, model: bytes) -> Tree:
    """A file as a tree of its schema, whatever operators it has.

    Raises:
        ModelError: it is none, is damaged, or reads other files.
    """
    schema = require("ai_edge_litert.schema_py_generated")
    if model[4:8] != b"TFL3":
        raise ModelError(f"{path}: is no TFLite file")
    try:
        tree = schema.ModelT.InitFromPackedBuf(model, 0)
        custom_of(tree)
        graph = tree.subgraphs[0]
        known = range(len(graph.tensors))
        whole = all(i in known for i in (*graph.inputs, *graph.outputs))
    except Exception as exc:  # of a damaged file, whatever its bytes make of themselves
        raise ModelError(f"{path}: is a damaged TFLite file") from exc
    if not whole:
        raise ModelError(f"{path}: is a damaged TFLite file: it names tensors that it has not")
    refuse_outside("tflite", [(str(path), model)], ModelError)
    return tree


def type_of(tensor: Tensor) -> str:
    """What a tensor of a tree holds, as NumPy calls it."""
    return _types().get(tensor.type, f"type {tensor.type}")


@cache
def _types() -> dict[int, str]:
    return {code: name.lower() for code, name in names_of("TensorType").items()}


@cache
def names_of(enumeration: str) -> dict[int, str]:
    """The names of one of the schema's enumerations, such as BuiltinOperator, by their codes."""
    found = vars(getattr(require("ai_edge_litert.schema_py_generated"), enumeration))
    # Python 3.13 keeps numbers of its own in a class: __firstlineno__.
    return {
        code: name
        for name, code in found.items()
        if isinstance(code, int) and not name.startswith("_")
    }


def operator_name(tree: Tree, operator: Operator) -> tuple[str, bool]:
    """What an operator of a tree is called, and whether it is custom, not one of TFLite's own."""
    code = tree.operatorCodes[operator.opcodeIndex]
    if code.customCode:
        return code.customCode.decode("utf-8", "replace"), True
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return names_of("BuiltinOperator").get(number, f"operator {number}"), False


def packed(tree: Tree) -> bytes:
    """A tree of the schema as a file."""
    builder = require("flatbuffers").Builder(1 << 16)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tensors(path: Path, model: bytes) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """Inputs and outputs of a file, as the interpreter sees them.

    Raises:
        ModelError: the interpreter refuses it.
    """
    interpreter = require("ai_edge_litert.interpreter")
    try:
        with captured_stderr():
            opened = interpreter.Interpreter(model_content=model)
            opened.allocate_tensors()
        found = opened.get_input_details(), opened.get_output_details()
    except (ValueError, RuntimeError) as exc:
        raise ModelError(f"{path}: TFLite refuses it: {first_line(exc)}") from exc
    inputs, outputs = (tuple(_info(path, d) for d in details) for details in found)
    return inputs, outputs


def precision_of(tree: Tree) -> Precision:
    """What its weights and activations were rounded to, by its first graph's tensors."""
    schema = require("ai_edge_litert.schema_py_generated")
    kinds = schema.TensorType
    graph = tree.subgraphs[0]
    made = {i for op in graph.operators for i in op.outputs}
    live = {t.type for i, t in enumerate(graph.tensors) if i in made}
    held = {t.type for i, t in enumerate(graph.tensors) if i not in made}
    if live & {kinds.INT8, kinds.UINT8}:
        return "int8"
    if kinds.INT16 in live:
        return "int16x8"
    if held & {kinds.INT8, kinds.UINT8}:
        return "dynamic"
    return "fp16" if kinds.FLOAT16 in held else "fp32"


def _info(path: Path, found: Mapping[str, Any]) -> TensorInfo:
    kind: Any = np.dtype(found["dtype"]).name
    shape = tuple(int(d) for d in found["shape"])
    scale, zero_point = found["quantization"]
    try:
        q = None
        if scale and kind in ("int8", "uint8", "int16"):
            q = Quantization(float(scale), int(zero_point), kind)
        return TensorInfo(str(found["name"]), shape, kind, q)
    except ValueError as exc:
        raise ModelError(f"{path}: {exc}") from exc


def _real(info: TensorInfo) -> TensorInfo:
    """The same as its user sees it: sessions speak real values."""
    if info.quantization is None:
        return info
    return TensorInfo(info.name, info.shape, "float32")
