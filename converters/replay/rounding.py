"""Integers of an ONNX file, as TensorFlow's fake quantization.

A tensor between a QuantizeLinear and a DequantizeLinear is held as the real
numbers that its integers stand for; TFLiteConverter makes integers of the same
scale of it again.
"""

from __future__ import annotations

import numpy as np

from .node import Node, operator
from .value import Grid, Value


@operator("QuantizeLinear")
def quantize(node: Node) -> Value:
    """Rounded, yet in real numbers."""
    x = node.value()
    scale = node.constant(1).astype(np.float32)
    # By opset 21 without a zero point, its type is an attribute.
    kind = node.get("output_dtype") or np.uint8
    zero = node.constant(2) if node.has(2) else np.zeros(scale.shape, kind)
    limits = np.iinfo(zero.dtype)
    if zero.dtype not in (np.int8, np.uint8):
        raise node.refusal(f"rounds to {zero.dtype}; eight bits are known")
    low = (limits.min - zero.astype(np.float64)) * scale
    high = (limits.max - zero.astype(np.float64)) * scale
    if scale.size > 1:
        raise node.refusal("rounds each channel of an activation by its own scale")
    made = node.tf.quantization.fake_quant_with_min_max_args(
        x.tensor, float(low.reshape(())), float(high.reshape(()))
    )
    grid = Grid(float(scale.reshape(())), int(zero.reshape(())))
    return Value(made, x.order, grid)


@operator("DequantizeLinear")
def dequantize(node: Node) -> Value:
    """What was rounded by the graph is real already; constants are made so."""
    x = node.value()
    return _rounded(node, x) if x.dtype == np.float32 else _constant(node)


def _rounded(node: Node, x: Value) -> Value:
    scale, zero = (node.constant(i) if node.has(i) else np.zeros(()) for i in (1, 2))
    if scale.size > 1 or x.grid is None:
        raise node.refusal("makes real numbers of what is not known to be integers")
    if Grid(float(scale.reshape(())), int(zero.reshape(()))) != x.grid:
        raise node.refusal("has another scale than its integers were made with")
    return Value(x.tensor, x.order)


def _constant(node: Node) -> Value:
    integers, scale = node.constant(0), node.constant(1)
    zero = node.constant(2) if node.has(2) else np.zeros((), integers.dtype)
    if node.get("block_size", 0):
        raise node.refusal("has a scale for every block of a tensor; one a channel is known")
    if scale.size > 1:
        shape = [1] * integers.ndim
        shape[node.get("axis", 1) % integers.ndim] = scale.size
        scale, zero = scale.reshape(shape), zero.reshape(shape) if zero.size > 1 else zero
    elif integers.ndim:
        scale, zero = scale.reshape(()), zero.reshape(())
    real = ((integers.astype(np.float64) - zero.astype(np.float64)) * scale).astype(np.float32)
    return Value.plain(real)


@operator("QLinearConv")
def convolution(node: Node) -> Value:
    """A convolution of integers."""
    x, w = _real(node, 0, 1, 2), _real(node, 3, 4, 5, axis=0)
    inputs = [x, w]
    if node.has(8):
        scale = node.constant(1) * node.constant(4)
        inputs.append(Value.plain((node.constant(8).astype(np.float64) * scale).astype(np.float32)))
    made = node.otherwise("Conv", inputs, **node.attributes)
    return node.otherwise("QuantizeLinear", [made, node.value(6), node.value(7)])


@operator("QLinearMatMul")
def product(node: Node) -> Value:
    """A product of integers."""
    made = node.otherwise("MatMul", [_real(node, 0, 1, 2), _real(node, 3, 4, 5, axis=1)])
    return node.otherwise("QuantizeLinear", [made, node.value(6), node.value(7)])


def _real(node: Node, *indices: int, axis: int = 0) -> Value:
    return node.otherwise("DequantizeLinear", [node.value(i) for i in indices], axis=axis)
