"""Step graph → ONNX.

Tensors are (frames, channels) inside, in the state and in what a whole sequence is
given, which stays float; the input and the outputs are (1, frames, channels).
In integer precisions what moves stays an integer (state, ring buffers), what
has weights reads integers through DequantizeLinear, which ONNX Runtime and
OpenVINO turn into integer kernels, and gates are computed in float in between:
ONNX has no integer tanh, and a step is too short for more nodes than it needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatchmethod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.artifact import OPEN
from edgenets.errors import ConversionError
from edgenets.quantization import Quantization, quantize_bias, quantize_weights

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
    StepGraph,
)
from .onnxfile import OnnxFile
from .onnxparts import (
    Stored,
    dequantized,
    from_image,
    image_of,
    open_softmax,
    write_activation,
    write_lookup,
)
from .plan import Plan
from .scales import weight_scales, weight_steps

Weights = Literal["float32", "float16", "int8", "int8-dynamic"]

# Opset 17 is read by every ONNX Runtime since 1.12 (2022); 16-bit QuantizeLinear came with 21.
OPSET, OPSET_INT16 = 17, 21
IR_VERSION, IR_VERSION_INT16 = 8, 10

_BINARIES = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "max": "Max"}


class OnnxWriter:
    """Writes one step graph in one precision."""

    def __init__(self, graph: StepGraph, weights: Weights, plan: Plan | None = None) -> None:
        self._graph, self._weights, self._plan = graph, weights, plan
        self._file = OnnxFile(graph.name)
        self._integer: dict[str, str] = {}  # tensor → its name in integers
        self._real: dict[str, str] = {}  # tensor → its name in float
        self._rounded: dict[str, str] = {}  # tensor → its name in float, after rounding
        self._dynamic: dict[str, tuple[str, str, str]] = {}  # tensor → integers, scale, zero point

    def write(self, input_name: str, states: Sequence[tuple[str, str]]) -> bytes:
        """The `.onnx` file.

        Args:
            input_name: public name of the input.
            states: public (input, output) names of the graph's states, in order.
        """
        graph = self._graph
        inputs = [self._source(graph.input, input_name)]
        inputs += [
            self._state(s.input, public)
            for s, (public, _) in zip(graph.states, states, strict=True)
        ]
        inputs += [self._held(name) for name in graph.sequence_inputs]
        for op in graph.ops:
            self._write(op)
        outputs = [self._result(tensor, public) for public, tensor in graph.outputs]
        for state, (_, public) in zip(graph.states, states, strict=True):
            integer = self._is_integer(state.input)
            form = self._integer_form(state.output) if integer else self._real_form(state.output)
            self._file.publish(form, public)
            outputs.append(self._state_value(state.output, public, integer))
        if self._is_wide():
            return self._file.finish(inputs, outputs, OPSET_INT16, IR_VERSION_INT16)
        return self._file.finish(inputs, outputs, OPSET, IR_VERSION)

    # -- border --------------------------------------------------------------------------------

    def _source(self, name: str, public: str) -> Any:
        shape = self._graph.shapes[name]
        # Tokens are one row for lookups, features have their channels.
        inside = shape[:1] if self._graph.input_type == "int32" else shape
        self._real[name] = self._file.node(
            "Reshape", [public, self._file.ints(inside)], f"{name}/in"
        )
        return self._file.value(public, self._graph.input_type, (1, *shape))

    def _result(self, name: str, public: str) -> Any:
        shape = (1, *self._graph.shapes[name])
        self._file.node("Reshape", [self._real_form(name), self._file.ints(shape)], public)
        return self._file.value(public, "float32", shape)

    def _held(self, name: str) -> Any:
        self._real[name] = name
        shape = [f"{name}_rows" if d == OPEN else d for d in self._graph.shapes[name]]
        return self._file.value(name, "float32", shape)

    def _state(self, name: str, public: str) -> Any:
        integer = self._is_integer(name)
        (self._integer if integer else self._real)[name] = public
        return self._state_value(name, public, integer)

    def _state_value(self, name: str, public: str, integer: bool) -> Any:
        dtype = self._quantization(name).dtype if integer else "float32"
        return self._file.value(public, dtype, self._graph.shapes[name])

    # -- forms of a tensor ---------------------------------------------------------------------

    def _is_integer(self, name: str) -> bool:
        return self._plan is not None and name in self._plan.integer_tensors

    def _is_wide(self) -> bool:
        """Whether activations are integers of 16 bits."""
        return self._plan is not None and self._plan.dtype == "int16"

    def _quantization(self, name: str) -> Quantization:
        assert self._plan is not None
        return self._plan.quantization[name]

    def _integer_form(self, name: str) -> str:
        if name not in self._integer:
            self._integer[name] = self._file.node(
                "QuantizeLinear", [self._real[name], *self._scale(name)], f"{name}/q"
            )
        return self._integer[name]

    def _rounded_form(self, name: str) -> str:
        """In float, but with the values that its integers stand for."""
        if name not in self._rounded:
            self._rounded[name] = self._dequantized(self._integer_form(name), name)
        return self._rounded[name]

    def _real_form(self, name: str) -> str:
        return self._real[name] if name in self._real else self._rounded_form(name)

    def _scale(self, name: str) -> list[str]:
        q = self._quantization(name)
        return [
            self._file.constant(np.asarray(q.scale, np.float32)),
            self._file.constant(np.asarray(q.zero_point, q.dtype)),
        ]

    # -- operations ----------------------------------------------------------------------------

    @singledispatchmethod
    def _write(self, op: Op) -> None:
        raise ConversionError(f"layer '{op.layer}': {type(op).__name__} cannot be written to ONNX")

    @_write.register
    def _(self, op: Binary) -> None:
        names = [self._real_form(n) for n in op.inputs]
        self._real[op.output] = self._file.node(_BINARIES[op.kind], names, op.output)

    @_write.register
    def _(self, op: Product) -> None:
        names = [self._real_form(n) for n in op.inputs]
        self._real[op.output] = self._file.node("Gemm", names, op.output, transB=int(op.turned))

    @_write.register
    def _(self, op: Activation) -> None:
        if op.kind == "softmax" and self._graph.shapes[op.output][1] == OPEN:
            self._real[op.output] = open_softmax(
                self._file, self._real_form(op.inputs[0]), op.output
            )
            return
        self._real[op.output] = write_activation(
            self._file, op.kind, self._real_form(op.inputs[0]), op.output, op.alpha
        )

    @_write.register
    def _(self, op: Requantize) -> None:
        self._real[op.output] = self._real_form(op.inputs[0])

    @_write.register
    def _(self, op: Constant) -> None:
        self._real[op.output] = self._file.constant(op.value)

    @_write.register
    def _(self, op: Concat) -> None:
        moving = self._is_integer(op.output) and any(n in self._integer for n in op.inputs)
        form, forms = (
            (self._integer_form, self._integer) if moving else (self._real_form, self._real)
        )
        forms[op.output] = self._file.node(
            "Concat", [form(n) for n in op.inputs], op.output, axis=op.axis
        )

    @_write.register
    def _(self, op: Slice) -> None:
        name = op.inputs[0]
        moving = self._is_integer(op.output) and name in self._integer
        form, forms = (
            (self._integer_form, self._integer) if moving else (self._real_form, self._real)
        )
        ends = [
            self._file.ints([op.start]),
            self._file.ints([op.start + op.size]),
            self._file.ints([op.axis]),
        ]
        forms[op.output] = self._file.node("Slice", [form(name), *ends], op.output)

    @_write.register
    def _(self, op: Pool) -> None:
        code = "AveragePool" if op.kind == "average" else "MaxPool"
        image = image_of(self._file, self._real_form(op.inputs[0]), op, self._graph)
        pooled = self._file.node(
            code, [image], f"{op.output}/image", kernel_shape=op.size, strides=op.stride
        )
        self._real[op.output] = from_image(self._file, pooled, op, self._graph)

    @_write.register
    def _(self, op: Lookup) -> None:
        narrow = self._is_integer(op.output) and not self._is_wide()
        q = self._quantization(op.output) if narrow else None
        short = self._is_integer(op.output) or self._weights.startswith("int8")
        stored: Stored = "int8" if short else "float16" if self._weights == "float16" else "float32"
        found = write_lookup(self._file, op, self._real[op.inputs[0]], stored, q)
        (self._integer if narrow else self._real)[op.output] = found

    @_write.register
    def _(self, op: Linear) -> None:
        if op.output in self._real:
            return  # with another product of the same input
        beside = self._beside(op)
        if len(beside) == 1:
            self._real[op.output] = self._product(op, op.weights, None)
            return
        # One wide product takes little longer than a narrow one.
        weights = np.concatenate([o.weights for o in beside], axis=1)
        wide = replace(op, weights=weights, bias=np.concatenate([o.bias for o in beside]))
        product = self._product(wide, weights, None)
        sizes = self._file.ints([len(o.bias) for o in beside])
        names = [o.output for o in beside]
        self._file.nodes("Split", [product, sizes], names, axis=1)
        self._real.update(zip(names, names, strict=True))

    def _beside(self, op: Linear) -> list[Linear]:
        """The matrix products of the same input that can be one with this."""
        return [
            other
            for other in self._graph.ops
            if isinstance(other, Linear)
            and other.inputs == op.inputs
            and (other is op or other.fused == op.fused == "none")
            and self._is_integer(other.output) == self._is_integer(op.output)
        ]

    @_write.register
    def _(self, op: Conv) -> None:
        *kernel, channels, out = op.weights.shape
        frames = self._graph.shapes[op.output][0]
        whole = op.bands_out == 1 and kernel[1] == op.bands  # the kernel covers all bands
        if frames == 1 and whole and op.dilation == (1, 1):  # one row of a matrix product
            row = math.prod(kernel) * channels
            self._real[op.output] = self._product(op, op.weights.reshape(row, out), (1, row))
            return
        self._convolve(op, op.weights.transpose(3, 2, 0, 1), group=1)

    @_write.register
    def _(self, op: Depthwise) -> None:
        *kernel, channels, multiplier = op.weights.shape
        weights = op.weights.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, *kernel)
        self._convolve(op, weights, group=channels)

    def _product(
        self, op: Linear | Conv, weights: NDArray[np.float32], shape: tuple[int, int] | None
    ) -> str:
        """A matrix product with the input, in another shape if one is given."""
        if self._weights == "int8-dynamic":
            return self._dynamic_product(op, weights, shape)
        x = self._weighted_input(op, shape)
        bias = self._bias(op, weights, axis=1)
        if self._is_wide():
            # Upright 8-bit weights become ONNX Runtime's MatMulNBits (1.32), which rounds the
            # 16-bit activations to 8 without a word; those that lie on their side do not.
            stored = self._stored(op, np.ascontiguousarray(weights.T), axis=0)
            plain = self._file.node("Gemm", [x, stored, bias], f"{op.output}/sum", transB=1)
        else:
            stored = self._stored(op, weights, axis=1)
            plain = self._file.node("Gemm", [x, stored, bias], f"{op.output}/sum")
        return self._fuse(op, plain)

    def _dynamic_product(
        self, op: Linear | Conv, weights: NDArray[np.float32], shape: tuple[int, int] | None
    ) -> str:
        """Activations quantized as they come, weights ahead: an integer matrix product."""
        source = op.inputs[0]
        if source not in self._dynamic:
            names = (f"{source}/dynamic", f"{source}/scale", f"{source}/zero")
            self._file.nodes("DynamicQuantizeLinear", [self._real_form(source)], names)
            self._dynamic[source] = names
        x, scale, zero = self._dynamic[source]
        x = x if shape is None else self._reshaped(x, shape, op)
        steps = weight_steps(op, wide=False)
        scales = weight_scales(weights, 1, op.bias, None, self._graph.per_channel, steps)
        stored = self._file.constant(quantize_weights(weights, scales, 1))
        total = self._file.node("MatMulInteger", [x, stored, zero], f"{op.output}/integers")
        cast = self._file.node(
            "Cast", [total], f"{op.output}/cast", to=self._file.onnx.TensorProto.FLOAT
        )
        factor = self._file.node("Mul", [scale, self._file.constant(scales)], f"{op.output}/factor")
        scaled = self._file.node("Mul", [cast, factor], f"{op.output}/scaled")
        return self._fuse(
            op, self._file.node("Add", [scaled, self._file.constant(op.bias)], f"{op.output}/sum")
        )

    def _convolve(self, op: Conv | Depthwise, weights: NDArray[np.float32], group: int) -> None:
        image = self._weighted_image(op)
        stored = self._stored(op, np.ascontiguousarray(weights), axis=0)
        out = self._file.node(
            "Conv",
            [image, stored, self._bias(op, weights, axis=0)],
            f"{op.output}/image",
            group=group,
            kernel_shape=weights.shape[2:],
            strides=op.stride,
            dilations=op.dilation,
        )
        self._real[op.output] = self._fuse(op, from_image(self._file, out, op, self._graph, "/sum"))

    def _weighted_input(self, op: Op, shape: tuple[int, int] | None = None) -> str:
        """The input of an operation with weights; integers are dequantized right before it."""
        source = op.inputs[0]
        if not self._is_integer(op.output):
            x = self._real_form(source)
            return x if shape is None else self._reshaped(x, shape, op)
        if shape is None:
            return self._rounded_form(source)
        return self._dequantized(self._reshaped(self._integer_form(source), shape, op), source)

    def _weighted_image(self, op: Conv | Depthwise) -> str:
        source = op.inputs[0]
        if not self._is_integer(op.output):
            return image_of(self._file, self._real_form(source), op, self._graph)
        image = image_of(self._file, self._integer_form(source), op, self._graph)
        return self._dequantized(image, source)

    def _reshaped(self, x: str, shape: tuple[int, int], op: Op) -> str:
        return self._file.node("Reshape", [x, self._file.ints(shape)], f"{op.output}/row")

    def _dequantized(self, x: str, like: str) -> str:
        return self._file.node("DequantizeLinear", [x, *self._scale(like)], f"{x}/dq")

    def _stored(
        self, op: Linear | Conv | Depthwise, weights: NDArray[np.float32], axis: int
    ) -> str:
        """Weights as they are stored, and the node that makes them float again."""
        if self._is_integer(op.output) or self._weights.startswith("int8"):
            scales = self._weight_scales(op, weights, axis)
            stored = quantize_weights(weights, scales, axis)
            return dequantized(self._file, stored, scales, f"{op.output}/weights", axis)
        if self._weights == "float16":
            half = self._file.constant(weights.astype(np.float16))
            to = self._file.onnx.TensorProto.FLOAT
            return self._file.node("Cast", [half], f"{op.output}/weights", to=to)
        return self._file.constant(weights)

    def _weight_scales(
        self, op: Linear | Conv | Depthwise, weights: NDArray[np.float32], axis: int
    ) -> NDArray[np.float32]:
        source = self._quantization(op.inputs[0]).scale if self._is_integer(op.output) else None
        steps = weight_steps(op, self._is_wide())
        return weight_scales(weights, axis, op.bias, source, self._graph.per_channel, steps)

    def _bias(self, op: Linear | Conv | Depthwise, weights: NDArray[np.float32], axis: int) -> str:
        """An integer kernel adds the bias to its sums, which have the scales of both factors."""
        if not self._is_integer(op.output) or self._quantization(op.inputs[0]).dtype != "int8":
            return self._file.constant(op.bias)
        scales = self._weight_scales(op, weights, axis)
        scales = scales * np.float32(self._quantization(op.inputs[0]).scale)
        return dequantized(self._file, quantize_bias(op.bias, scales), scales, f"{op.output}/bias")

    def _fuse(self, op: Linear | Conv | Depthwise, plain: str) -> str:
        if op.fused == "none":
            return plain
        return write_activation(self._file, op.fused, plain, op.output)
