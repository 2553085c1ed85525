"""Step graph → TFLite.

The file is written operation by operation rather than traced by a converter, so
that it holds just the plan's scales, built-in operators in their oldest version
that has the types, and no Flex op or weightless graph can come about. Tensors
are (1, frames, 1, channels) inside, as convolutions want them, and in the state;
the input and the outputs are (1, frames, channels), as is what a whole sequence is given and
what is computed from its rows.

Matrix products are 1×1 convolutions where they are quantized: those have had
scales per channel since 2019, `FULLY_CONNECTED` only in interpreters newer than
tflite-runtime 2.14.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import singledispatchmethod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.artifact import OPEN
from edgenets.errors import ConversionError
from edgenets.quantization import Quantization, quantize, quantize_bias, quantize_weights

from .flatbuffer import FlatModel
from .graph import (
    Activation,
    Binary,
    Concat,
    Constant,
    Conv,
    Depthwise,
    Linear,
    Lookup,
    Op,
    Pool,
    Product,
    Requantize,
    Slice,
    State,
    StepGraph,
)
from .plan import Plan
from .scales import table_quantization, weight_scales

Weights = Literal["float32", "float16", "int8"]

_ACTIVATIONS = {
    "relu": "RELU", "relu6": "RELU6", "sigmoid": "LOGISTIC", "tanh": "TANH", "softmax": "SOFTMAX",
    "elu": "ELU", "leaky_relu": "LEAKY_RELU", "exponential": "EXP", "log": "LOG",
}  # fmt: skip
_BINARIES = {"add": "ADD", "sub": "SUB", "mul": "MUL", "div": "DIV", "max": "MAXIMUM"}

# operator → its oldest version for float32, int8 and int16 tensors
_VERSIONS = {
    "ADD": (1, 2, 3), "SUB": (1, 2, 5), "MUL": (1, 2, 4), "CONCATENATION": (1, 2, 3),
    "SLICE": (1, 2, 4), "RESHAPE": (1, 1, 1), "CONV_2D": (1, 3, 4), "LOGISTIC": (1, 2, 3),
    "DEPTHWISE_CONV_2D": (1, 3, 5), "TANH": (1, 2, 3), "SOFTMAX": (1, 2, 3), "RELU": (1, 2, 2),
    "RELU6": (1, 2, 2), "LEAKY_RELU": (1, 2, 2), "AVERAGE_POOL_2D": (1, 2, 3),
    "MAX_POOL_2D": (1, 2, 3), "QUANTIZE": (1, 1, 2), "DEQUANTIZE": (1, 2, 3), "DIV": (1, 0, 0),
    "MAXIMUM": (1, 0, 0), "ELU": (1, 0, 0), "EXP": (1, 0, 0), "GATHER": (1, 2, 2),
    "BATCH_MATMUL": (1, 2, 3), "LOG": (1, 0, 0),
}  # fmt: skip

# Axes of the step graph, (frames, channels), inside the file.
_AXES = (1, 3)

# Weights in int8 and everything else in float ("dynamic range") came in these versions.
_HYBRID = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 4, "FULLY_CONNECTED": 3}


@dataclass(frozen=True)
class _Kernel:
    """What a convolution multiplies by, as TFLite has it."""

    code: str  # of its operator
    op: Linear | Conv | Depthwise
    weights: NDArray[np.float32]
    axis: int  # of the weights' output channels
    integer: bool


class TFLiteWriter:
    """Writes one step graph in one precision."""

    def __init__(self, graph: StepGraph, weights: Weights, plan: Plan | None = None) -> None:
        self._graph, self._weights, self._plan = graph, weights, plan
        self._model = FlatModel(graph.name)
        self._integer: dict[str, int] = {}  # tensor → its index in integers
        self._real: dict[str, int] = {}  # tensor → its index in float
        self._activation = self._model.schema.ActivationFunctionType

    def write(self, input_name: str, states: Sequence[tuple[str, str]]) -> bytes:
        """The `.tflite` file.

        Args:
            input_name: public name of the input.
            states: public (input, output) names of the graph's states, in order.
        """
        graph = self._graph
        tokens = graph.input_type == "int32"
        sources = [self._tokens() if tokens else self._public_source(graph.input)]
        others = (*(s.input for s in graph.states), *graph.sequence_inputs)
        sources += [self._new(name, self._is_integer(name)) for name in others]
        for op in graph.ops:
            self._emit(op)
        results = [self._public_result(self._real_index(tensor)) for _, tensor in graph.outputs]
        for state in graph.states:
            results.append(self._next_state(state, {*sources, *results}))
        public_in = [input_name, *(s[0] for s in states), *graph.sequence_inputs]
        public_out = [*(name for name, _ in graph.outputs), *(s[1] for s in states)]
        return self._model.finish(
            list(zip(public_in, sources, strict=True)), list(zip(public_out, results, strict=True))
        )

    def _next_state(self, state: State, named: Set[int]) -> int:
        """The tensor of a state's next value; a copy where its tensor has a public name already."""
        integer = self._is_integer(state.input)
        following = (self._integer_index if integer else self._real_index)(state.output)
        if following not in named:
            return following
        return self._into(following, self._model.tensor_like(following))

    # -- tensors -------------------------------------------------------------------------------

    def _is_integer(self, name: str) -> bool:
        return self._plan is not None and name in self._plan.integer_tensors

    def _new(self, name: str, integer: bool) -> int:
        frames, channels = self._graph.shapes[name]
        # Rows of unknown number have no need of an axis of bands.
        open = OPEN in (frames, channels)
        shape = (1, frames, channels) if open else (1, frames, 1, channels)
        if integer and self._plan is not None:
            q = self._plan.quantization[name]
            self._integer[name] = self._model.tensor(name, shape, q.dtype, q)
            return self._integer[name]
        self._real[name] = self._model.tensor(name, shape, "float32")
        return self._real[name]

    def _public_source(self, name: str) -> int:
        inside = self._new(name, self._is_integer(name))
        public = self._model.tensor_like(inside, (1, *self._graph.shapes[name]))
        self._reshape(public, inside)
        return public

    def _tokens(self) -> int:
        """The numbers of a step's tokens: public, and as one row for lookups."""
        frames = self._graph.shapes[self._graph.input][0]
        public = self._model.tensor("", (1, frames, 1), "int32")
        self._row = self._model.tensor("", (frames,), "int32")
        self._reshape(public, self._row)
        return public

    def _public_result(self, inside: int) -> int:
        _, frames, _, channels = self._model.shape(inside)
        public = self._model.tensor_like(inside, (1, frames, channels))
        self._reshape(inside, public)
        return public

    def _integer_index(self, name: str) -> int:
        if name not in self._integer:
            index = self._new(name, True)
            self._operator("QUANTIZE", [self._real[name]], [index], integer=True)
        return self._integer[name]

    def _real_index(self, name: str) -> int:
        if name not in self._real:
            index = self._new(name, False)
            self._operator("DEQUANTIZE", [self._integer[name]], [index], integer=True)
        return self._real[name]

    def _inputs(self, op: Op) -> list[int]:
        if isinstance(op, Lookup):
            return [self._row]
        integer = self._is_integer(op.output)
        return [self._integer_index(n) if integer else self._real_index(n) for n in op.inputs]

    # -- operators -----------------------------------------------------------------------------

    def _operator(
        self,
        code: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        integer: bool,
        **options: object,
    ) -> None:
        column = 0
        if integer and self._plan is not None:
            column = 1 if self._plan.dtype == "int8" else 2
        self._model.operator(code, inputs, outputs, _VERSIONS[code][column], **options)

    def _emit(self, op: Op) -> None:
        inputs = self._inputs(op)
        integer = self._is_integer(op.output)
        self._write(op, inputs, self._new(op.output, integer), integer)

    @singledispatchmethod
    def _write(self, op: Op, inputs: list[int], out: int, integer: bool) -> None:
        raise ConversionError(
            f"layer '{op.layer}': {type(op).__name__} cannot be written to TFLite"
        )

    @_write.register
    def _(self, op: Binary, inputs: list[int], out: int, integer: bool) -> None:
        options = {"potScaleInt16": False} if op.kind in ("add", "sub") else {}
        self._operator(_BINARIES[op.kind], inputs, [out], integer, **options)

    @_write.register
    def _(self, op: Product, inputs: list[int], out: int, integer: bool) -> None:
        factor = self._into(inputs[0], self._like_rows(inputs[0]))
        target = self._like_rows(out)
        self._operator(
            "BATCH_MATMUL", [factor, inputs[1]], [target], integer, adjX=False, adjY=op.turned
        )
        self._into(target, out)

    def _like_rows(self, like: int) -> int:
        """A new tensor for what `like` holds without an axis of bands; itself if it has none."""
        shape = self._model.shape(like)
        return like if len(shape) == 3 else self._model.tensor_like(like, (1, shape[1], shape[3]))

    @_write.register
    def _(self, op: Activation, inputs: list[int], out: int, integer: bool) -> None:
        options = {"softmax": {"beta": 1.0}, "leaky_relu": {"alpha": op.alpha}}.get(op.kind, {})
        self._operator(_ACTIVATIONS[op.kind], inputs, [out], integer, **options)

    @_write.register
    def _(self, op: Concat, inputs: list[int], out: int, integer: bool) -> None:
        self._operator("CONCATENATION", inputs, [out], integer, axis=_AXES[op.axis])

    @_write.register
    def _(self, op: Slice, inputs: list[int], out: int, integer: bool) -> None:
        frames, channels = self._graph.shapes[op.output]
        begin = [0, 0, 0, 0]
        begin[_AXES[op.axis]] = op.start
        stretch = [self._ints(begin), self._ints([1, frames, 1, channels])]
        self._operator("SLICE", [*inputs, *stretch], [out], integer)

    @_write.register
    def _(self, op: Requantize, inputs: list[int], out: int, integer: bool) -> None:
        if integer:
            # QUANTIZE between integers is of version 2.
            self._model.operator("QUANTIZE", inputs, [out], 2)
        else:
            self._reshape(inputs[0], out)

    @_write.register
    def _(self, op: Constant, inputs: list[int], out: int, integer: bool) -> None:
        self._real[op.output] = self._model.constant(op.value[None, :, None])

    @_write.register
    def _(self, op: Pool, inputs: list[int], out: int, integer: bool) -> None:
        code = "AVERAGE_POOL_2D" if op.kind == "average" else "MAX_POOL_2D"
        options = {
            "padding": self._model.schema.Padding.VALID,
            "strideH": op.stride[0],
            "strideW": op.stride[1],
            "filterHeight": op.size[0],
            "filterWidth": op.size[1],
        }
        source, target = self._banded(inputs[0], op.bands), self._like_banded(out, op.bands_out)
        self._operator(code, [source], [target], integer, **options)
        self._into(target, out)

    @_write.register
    def _(self, op: Lookup, inputs: list[int], out: int, integer: bool) -> None:
        frames, channels = self._graph.shapes[op.output]
        if not integer and self._weights != "int8":
            table, dtype, q = self._float_constant(op.table), "float32", None
        else:
            narrow = integer and self._plan is not None and self._plan.dtype == "int8"
            q = self._quantization(op.output) if narrow else table_quantization(op.table)
            table, dtype = self._model.constant_like(quantize(op.table, q), q), "int8"
        found = self._model.tensor("", (frames, channels), dtype, q)
        version = _VERSIONS["GATHER"][0 if q is None else 1]
        self._model.operator("GATHER", [table, inputs[0]], [found], version, axis=0, batchDims=0)
        placed = self._model.tensor_like(found, (1, frames, 1, channels))
        self._reshape(found, placed if dtype != self._dtype(integer) else out)
        if dtype != self._dtype(integer):  # 8-bit tables serve float and 16-bit activations, too
            code, version = ("QUANTIZE", 2) if integer else ("DEQUANTIZE", 2)
            self._model.operator(code, [placed], [out], version)

    def _quantization(self, name: str) -> Quantization:
        assert self._plan is not None, "asked of integer tensors alone"
        return self._plan.quantization[name]

    def _dtype(self, integer: bool) -> str:
        return self._plan.dtype if integer and self._plan is not None else "float32"

    @_write.register
    def _(self, op: Linear, inputs: list[int], out: int, integer: bool) -> None:
        kernel = np.ascontiguousarray(op.weights.T)[:, None, None, :]
        self._convolve(_Kernel("CONV_2D", op, kernel, 0, integer), inputs[0], out)

    @_write.register
    def _(self, op: Conv, inputs: list[int], out: int, integer: bool) -> None:
        kernel = np.ascontiguousarray(op.weights.transpose(3, 0, 1, 2))
        source, target = self._banded(inputs[0], op.bands), self._like_banded(out, op.bands_out)
        self._convolve(_Kernel("CONV_2D", op, kernel, 0, integer), source, target)
        self._into(target, out)

    @_write.register
    def _(self, op: Depthwise, inputs: list[int], out: int, integer: bool) -> None:
        kernel = op.weights.reshape(1, *op.weights.shape[:2], -1)
        source, target = self._banded(inputs[0], op.bands), self._like_banded(out, op.bands_out)
        self._convolve(_Kernel("DEPTHWISE_CONV_2D", op, kernel, 3, integer), source, target)
        self._into(target, out)

    def _banded(self, source: int, bands: int) -> int:
        """A tensor of (1, frames, 1, channels) as (1, frames, bands, channels of a band)."""
        return self._into(source, self._like_banded(source, bands))

    def _like_banded(self, like: int, bands: int) -> int:
        """A new tensor for what `like` holds, divided into bands; itself where there is one."""
        _, frames, _, channels = self._model.shape(like)
        if bands == 1:
            return like
        return self._model.tensor_like(like, (1, frames, bands, channels // bands))

    def _into(self, source: int, target: int) -> int:
        """Have a tensor hold what another does, in its own shape; gives it."""
        if source != target:
            self._reshape(source, target)
        return target

    def _convolve(self, kernel: _Kernel, source: int, out: int) -> None:
        """A convolution over (1, frames, bands, channels)."""
        op, code = kernel.op, kernel.code
        fused = {"none": "NONE", "relu": "RELU", "relu6": "RELU6"}[op.fused]
        options: dict[str, object] = {
            "padding": self._model.schema.Padding.VALID,
            "strideW": 1,
            "strideH": 1,
            "dilationWFactor": 1,
            "dilationHFactor": 1,
            "fusedActivationFunction": getattr(self._activation, fused),
        }
        if not isinstance(op, Linear):
            options |= {
                "strideH": op.stride[0],
                "strideW": op.stride[1],
                "dilationHFactor": op.dilation[0],
                "dilationWFactor": op.dilation[1],
            }
        if isinstance(op, Depthwise):
            options["depthMultiplier"] = op.weights.shape[3]
        inputs = [source, self._weights_of(kernel), self._bias(kernel)]
        if not kernel.integer and self._weights == "int8":
            self._model.operator(code, inputs, [out], _HYBRID[code], **options)
        else:
            self._operator(code, inputs, [out], kernel.integer, **options)

    def _weights_of(self, kernel: _Kernel) -> int:
        if kernel.integer or self._weights == "int8":
            weights, axis, scales = kernel.weights, kernel.axis, self._scales(kernel)
            return self._model.constant(quantize_weights(weights, scales, axis), scales, axis)
        return self._float_constant(kernel.weights)

    def _scales(self, kernel: _Kernel) -> NDArray[np.float32]:
        op = kernel.op
        scale = self._quantization(op.inputs[0]).scale if kernel.integer else None
        return weight_scales(kernel.weights, kernel.axis, op.bias, scale, self._graph.per_channel)

    def _bias(self, kernel: _Kernel) -> int:
        bias = kernel.op.bias
        if not kernel.integer or self._plan is None:
            return self._float_constant(bias)
        scale = np.float32(self._quantization(kernel.op.inputs[0]).scale)
        scales = self._scales(kernel) * scale
        wide = self._plan.dtype == "int16"
        return self._model.constant(quantize_bias(bias, scales, wide), scales, 0)

    def _float_constant(self, value: NDArray[np.float32]) -> int:
        if self._weights != "float16":
            return self._model.constant(value)
        half = self._model.constant(value.astype(np.float16))
        full = self._model.tensor("", value.shape, "float32")
        self._model.operator("DEQUANTIZE", [half], [full], 3)
        return full

    def _reshape(self, source: int, target: int) -> None:
        shape = self._model.shape(target)
        self._model.operator("RESHAPE", [source, self._ints(shape)], [target], newShape=list(shape))

    def _ints(self, values: Sequence[int]) -> int:
        return self._model.constant(np.asarray(values, np.int32))
