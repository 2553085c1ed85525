"""A TFLite file as a list of operators with what they take and give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgenets.errors import ModelError

from ..sources import tflite_file

# Bytes of an element, by the schema's name of its type; half a byte counts as one.
_BYTES = {
    "FLOAT32": 4, "FLOAT16": 2, "INT32": 4, "UINT8": 1, "INT64": 8, "STRING": 0, "BOOL": 1,
    "INT16": 2, "COMPLEX64": 8, "INT8": 1, "FLOAT64": 8, "UINT32": 4, "UINT16": 2, "INT4": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """What an operator takes or gives."""

    number: int
    name: str
    shape: tuple[int, ...]
    dtype: str  # as the schema calls it: INT8
    is_constant: bool
    is_dynamic: bool  # some axis is open
    is_quantized: bool
    is_variable: bool  # it stays from one run to the next
    is_zero: bool  # a constant of zeros
    values: tuple[float, ...] = ()  # of a small constant

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * _BYTES.get(self.dtype, 4)


@dataclass(frozen=True)
class Operator:
    """One step of a file."""

    place: int  # from zero
    name: str  # as the schema calls it: CONV_2D; of a custom one, its own
    version: int
    is_custom: bool
    inputs: tuple[Tensor, ...]  # those that are left out are not among them
    outputs: tuple[Tensor, ...]
    options: object  # of the schema, or None

    @property
    def takes(self) -> set[int]:
        """Numbers of the tensors that it waits for."""
        return {t.number for t in self.inputs if not t.is_constant}

    def option(self, name: str, default: Any = 0) -> Any:
        """One of its options, by the schema's own name."""
        return getattr(self.options, name, default)


@dataclass(frozen=True)
class Graph:
    """A file's main graph."""

    operators: tuple[Operator, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    graphs: int  # in the file; more than one where there are branches or loops
    weights: int  # bytes of constants


def read(path: Path, model: bytes) -> Graph:
    """What a TFLite file says.

    Raises:
        ModelError: as `tflite_file.parse`.
    """
    tree = tflite_file.parse(path, model)
    try:
        return _graph(tree)
    except Exception as exc:  # of a damaged file, whatever its bytes make of themselves
        raise ModelError(f"{path}: is a damaged TFLite file") from exc


def _graph(tree: Any) -> Graph:
    graph = tree.subgraphs[0]
    tensors = [_tensor(i, t, tree.buffers) for i, t in enumerate(graph.tensors)]

    def of(places: Any) -> tuple[Tensor, ...]:
        return tuple(tensors[i] for i in _listed(places) if i >= 0)

    operators = []
    for place, operator in enumerate(graph.operators):
        name, is_custom = tflite_file.operator_name(tree, operator)
        version = tree.operatorCodes[operator.opcodeIndex].version
        options = operator.builtinOptions or operator.builtinOptions2
        taken, given = of(operator.inputs), of(operator.outputs)
        operators.append(Operator(place, name, version, is_custom, taken, given, options))
    weights = sum(t.size for t in tensors if t.is_constant)
    inputs, outputs = of(graph.inputs), of(graph.outputs)
    return Graph(tuple(operators), inputs, outputs, len(tree.subgraphs), weights)


def _listed(places: Any) -> list[int]:
    return [] if places is None else [int(i) for i in places]


def _tensor(number: int, tensor: Any, buffers: Any) -> Tensor:
    shape = tuple(_listed(tensor.shape))
    data: Any = buffers[tensor.buffer].data if tensor.buffer < len(buffers) else None
    signature = _listed(tensor.shapeSignature)
    scale = tensor.quantization.scale if tensor.quantization is not None else None
    dtype = tflite_file.type_of(tensor).upper()
    constant = data is not None and len(data) > 0
    values: tuple[float, ...] = ()
    if constant and dtype == "INT32" and len(data) <= 64:
        values = tuple(float(v) for v in np.frombuffer(bytes(data), np.int32))
    return Tensor(
        number, (tensor.name or b"").decode("utf-8", "replace"), shape, dtype, constant,
        -1 in signature, scale is not None and len(scale) > 0, bool(tensor.isVariable),
        constant and _is_zero(data, dtype, tensor.quantization), values,
    )  # fmt: skip


def _is_zero(data: Any, dtype: str, quantization: Any) -> bool:
    """Whether a constant is zero, as its type and its zero point have it."""
    zeros = quantization.zeroPoint if quantization is not None else None
    zero = 0
    if dtype in ("INT8", "UINT8") and zeros is not None and len(zeros):
        zero = int(zeros[0]) % 256
    return bool((np.asarray(data, np.uint8) == zero).all())
