"""Convolutions, over one axis or two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .node import Node, operator
from .value import Value
from .windows import Window, one_axis, padded, two_axes, window_of

if TYPE_CHECKING:
    from tensorflow import Tensor


@operator("Conv")
def convolution(node: Node) -> Value:
    """Plain, depthwise, or in groups."""
    x, kernel = node.value(0), node.value(1)
    window = window_of(node, x.shape[2:], kernel.shape[2:])
    groups = node.get("group", 1)
    tensor, padding = padded(node, two_axes(node, x), window)
    made = _convolved(node, tensor, _kernel(kernel), window, groups, padding)
    return _finished(node, made, x.rank)


def _kernel(kernel: Value) -> Tensor:
    """(rows, columns, in, out), from ONNX's (out, in, …)."""
    return kernel.lying((2, 3, 1, 0)) if kernel.rank == 4 else kernel.lying((2, 1, 0))[None]


def _convolved(
    node: Node, x: Tensor, kernel: Tensor, window: Window, groups: int, padding: str
) -> Tensor:
    tf = node.tf
    strides, dilations = (1, *window.strides, 1), (1, *window.dilations, 1)
    channels, out = int(x.shape[-1]), int(kernel.shape[-1])
    if groups == channels and int(kernel.shape[2]) == 1 and groups > 1:
        shape = (*(int(d) for d in kernel.shape[:2]), channels, out // channels)
        return tf.raw_ops.DepthwiseConv2dNative(
            input=x,
            filter=tf.reshape(kernel, shape),
            strides=strides,
            padding=padding,
            dilations=dilations,
        )
    if groups == 1:
        return tf.raw_ops.Conv2D(
            input=x, filter=kernel, strides=strides, padding=padding, dilations=dilations
        )
    parts = [
        tf.raw_ops.Conv2D(input=a, filter=w, strides=strides, padding=padding, dilations=dilations)
        for a, w in zip(tf.split(x, groups, -1), tf.split(kernel, groups, -1), strict=True)
    ]
    return tf.concat(parts, -1)


@operator("ConvTranspose")
def transposed(node: Node) -> Value:
    """What spreads each element over a window."""
    tf, x, kernel = node.tf, node.value(0), node.value(1)
    window = window_of(node, x.shape[2:], kernel.shape[2:], transposed=True)
    if set(window.dilations) != {1}:
        raise node.refusal("has holes in its window, which TFLite's has not")
    groups = node.get("group", 1)
    tensor, weights = two_axes(node, x), _kernel(kernel)
    parts = [
        _spread(node, a, w, window)
        for a, w in zip(tf.split(tensor, groups, -1), tf.split(weights, groups, -1), strict=True)
    ]
    return _finished(node, tf.concat(parts, -1) if groups > 1 else parts[0], x.rank)


def _spread(node: Node, x: Tensor, kernel: Tensor, window: Window) -> Tensor:
    tf, channels = node.tf, int(kernel.shape[2])
    sizes, strides, spans, wanted = window.sizes, window.strides, window.kernel, window.output
    same = all(
        n * s == size and max(k - s, 0) // 2 == before
        for n, s, size, k, (before, _) in zip(
            sizes, strides, wanted, spans, window.pads, strict=True
        )
    )
    whole = [(n - 1) * s + max(k, s) for n, s, k in zip(sizes, strides, spans, strict=True)]
    shape = [int(x.shape[0]), *(wanted if same else whole), channels]
    made = tf.raw_ops.Conv2DBackpropInput(
        input_sizes=np.array(shape, np.int32),
        filter=kernel,
        out_backprop=x,
        strides=(1, *strides, 1),
        padding="SAME" if same else "VALID",
    )
    if same:
        return made
    lacking = [
        max(before + size - has, 0)
        for has, size, (before, _) in zip(whole, wanted, window.pads, strict=True)
    ]
    if any(lacking):
        made = tf.pad(made, [(0, 0), *((0, n) for n in lacking), (0, 0)])
    return tf.slice(made, [0, *(before for before, _ in window.pads), 0], [-1, *wanted, channels])


def _finished(node: Node, made: Tensor, rank: int) -> Value:
    """With the bias, and of the rank that the input had."""
    if node.has(2):
        made = node.tf.nn.bias_add(made, node.value(2).as_onnx)
    return one_axis(node, made, rank)
