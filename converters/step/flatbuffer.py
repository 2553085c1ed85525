"""Writes `.tflite` files: tensors, buffers and operators into a FlatBuffer.

The object API of the schema that ai-edge-litert carries does the encoding; this
file only keeps the tables (buffers, operator codes) that a model indexes into.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.extras import require
from edgenets.quantization import Quantization

# The file's version and identifier have not changed since TFLite's beginning.
_SCHEMA_VERSION = 3
_IDENTIFIER = b"TFL3"

_ALIGNMENT = 16  # bytes, of a buffer's content

_TYPES = {
    "float32": "FLOAT32",
    "float16": "FLOAT16",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
    "resource": "RESOURCE",
}


class FlatModel:
    """One subgraph under construction."""

    def __init__(self, name: str) -> None:
        self.schema: Any = require("ai_edge_litert.schema_py_generated")
        s = self.schema
        self._model = s.ModelT()
        self._model.subgraphs = []
        self.begin_graph(name)
        self._model.version = _SCHEMA_VERSION
        self._model.description = b"edgenets step model"
        self._model.buffers = [s.BufferT()]  # buffer 0 is the empty one, by convention
        self._codes: dict[tuple[int, int], int] = {}
        self._model.operatorCodes = []
        self._constants: dict[tuple[str, bytes], int] = {}

    def begin_graph(self, name: str) -> None:
        """What follows is of another subgraph; the first is the one that is called from outside."""
        self._graph = self.schema.SubGraphT()
        self._graph.name = name.encode()
        self._graph.tensors, self._graph.operators = [], []
        self._model.subgraphs.append(self._graph)

    def variable(self, name: str) -> int:
        """A handle of what an interpreter keeps from call to call."""
        handle = self._add("", (), "resource", 0, None)
        self.operator("VAR_HANDLE", [], [handle], container=b"", sharedName=name.encode())
        return handle

    @property
    def operators(self) -> set[str]:
        """The names of all operators so far."""
        known = {v: k for k, v in vars(self.schema.BuiltinOperator).items() if k.isupper()}
        return {known[builtin] for builtin, _ in self._codes}

    def tensor(
        self, name: str, shape: Sequence[int], dtype: str, q: Quantization | None = None
    ) -> int:
        """A tensor that is computed, or given; an axis of −1 is as long as what is given."""
        scales = None if q is None else ([q.scale], [q.zero_point], 0)
        return self._add(name, shape, dtype, 0, scales)

    def tensor_like(self, index: int, shape: Sequence[int] | None = None) -> int:
        """A computed tensor with the type and quantization of another."""
        model = self._graph.tensors[index]
        scales = None
        if model.quantization is not None:
            q = model.quantization
            scales = (q.scale.tolist(), q.zeroPoint.tolist(), 0)
        dtype = next(
            k for k, v in _TYPES.items() if getattr(self.schema.TensorType, v) == model.type
        )
        return self._add("", model.shape if shape is None else shape, dtype, 0, scales)

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape of a tensor."""
        return tuple(int(d) for d in self._graph.tensors[index].shape)

    def constant(
        self, value: Array, scales: NDArray[np.float32] | None = None, axis: int = 0
    ) -> int:
        """A nameless tensor whose value is stored; `scales` has one a slice along `axis`."""
        q = None
        if scales is not None:
            q = (scales.ravel().tolist(), [0] * scales.size, axis)
        return self._stored(value, q)

    def constant_like(self, value: Array, q: Quantization) -> int:
        """A nameless tensor whose value is stored in the integers of one quantization."""
        return self._stored(value, ([q.scale], [q.zero_point], 0))

    def _stored(self, value: Array, q: tuple[list[float], list[int], int] | None) -> int:
        data = np.ascontiguousarray(value)
        key = (str(data.dtype), data.tobytes())
        if key not in self._constants:
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(key[1], np.uint8)
            self._model.buffers.append(buffer)
            self._constants[key] = len(self._model.buffers) - 1
        return self._add("", data.shape, str(data.dtype), self._constants[key], q)

    def _add(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str,
        buffer: int,
        q: tuple[list[float], list[int], int] | None,
    ) -> int:
        tensor = self.schema.TensorT()
        tensor.name = name.encode()
        tensor.shape = np.asarray([abs(d) for d in shape], np.int32)
        if any(d < 0 for d in shape):
            tensor.shapeSignature = np.asarray(shape, np.int32)
        tensor.type = getattr(self.schema.TensorType, _TYPES[dtype])
        tensor.buffer = buffer
        if q is not None:
            tensor.quantization = self.schema.QuantizationParametersT()
            tensor.quantization.scale = np.asarray(q[0], np.float32)
            tensor.quantization.zeroPoint = np.asarray(q[1], np.int64)
            tensor.quantization.quantizedDimension = q[2]
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def operator(
        self,
        code: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        version: int = 1,
        **options: Any,
    ) -> None:
        """Append an operator; `options` are fields of its options table."""
        op = self.schema.OperatorT()
        op.opcodeIndex = self._code(getattr(self.schema.BuiltinOperator, code), version)
        op.inputs = np.asarray(inputs, np.int32)
        op.outputs = np.asarray(outputs, np.int32)
        table = _OPTIONS.get(code)
        if table is not None:
            op.builtinOptionsType = getattr(self.schema.BuiltinOptions, table)
            op.builtinOptions = getattr(self.schema, f"{table}T")()
            for field, value in options.items():
                setattr(op.builtinOptions, field, value)
        self._graph.operators.append(op)

    def _code(self, builtin: int, version: int) -> int:
        key = (builtin, version)
        if key not in self._codes:
            code = self.schema.OperatorCodeT()
            # Old readers look at the deprecated byte, which holds codes up to 127.
            code.deprecatedBuiltinCode = min(builtin, 127)
            code.builtinCode = builtin
            code.version = version
            self._model.operatorCodes.append(code)
            self._codes[key] = len(self._codes)
        return self._codes[key]

    def finish(
        self, inputs: Sequence[tuple[str, int]], outputs: Sequence[tuple[str, int]]
    ) -> bytes:
        """Close the graph under its public tensor names; give the file's bytes."""
        signature = self.schema.SignatureDefT()
        signature.signatureKey = b"serving_default"
        signature.subgraphIndex = 0
        signature.inputs = [self._entry(name, index) for name, index in inputs]
        signature.outputs = [self._entry(name, index) for name, index in outputs]
        first, *others = self._model.subgraphs
        first.inputs = np.asarray([i for _, i in inputs], np.int32)
        first.outputs = np.asarray([i for _, i in outputs], np.int32)
        for graph in others:
            graph.inputs = graph.outputs = np.zeros(0, np.int32)
        self._model.signatureDefs = [signature]
        builder = _sharing_builder()
        builder.Finish(self._model.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())

    def _entry(self, name: str, index: int) -> Any:
        entry = self.schema.TensorMapT()
        entry.name, entry.tensorIndex = name.encode(), index
        self._model.subgraphs[0].tensors[index].name = name.encode()
        return entry


def _sharing_builder() -> Any:
    """A builder that stores equal vectors once: a third of a small int8 model is zero points."""

    class SharingBuilder(require("flatbuffers").Builder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(1 << 16)
            self._stored: dict[tuple[str, bytes], int] = {}

        def CreateNumpyVector(self, x: Array) -> int:
            key = (str(x.dtype), x.tobytes())
            if key not in self._stored:
                if x.dtype == np.uint8:
                    # The schema wants the bytes of weights on 16-byte boundaries, which
                    # flatbuffers' Python code does not see to; old ARM chips need them there.
                    self.Prep(_ALIGNMENT, x.size)
                self._stored[key] = super().CreateNumpyVector(x)
            return self._stored[key]

    return SharingBuilder()


# operator → its options table, where it has one
_OPTIONS = {
    "ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "DIV": "DivOptions",
    "MAXIMUM": "MaximumMinimumOptions", "FULLY_CONNECTED": "FullyConnectedOptions",
    "CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "CONCATENATION": "ConcatenationOptions", "SLICE": "SliceOptions", "RESHAPE": "ReshapeOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions", "MAX_POOL_2D": "Pool2DOptions",
    "BATCH_MATMUL": "BatchMatMulOptions", "SOFTMAX": "SoftmaxOptions",
    "LEAKY_RELU": "LeakyReluOptions", "QUANTIZE": "QuantizeOptions",
    "DEQUANTIZE": "DequantizeOptions", "EXP": "ExpOptions", "GATHER": "GatherOptions",
    "CALL_ONCE": "CallOnceOptions", "VAR_HANDLE": "VarHandleOptions",
    "READ_VARIABLE": "ReadVariableOptions", "ASSIGN_VARIABLE": "AssignVariableOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
}  # fmt: skip
