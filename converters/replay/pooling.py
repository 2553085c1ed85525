"""What is largest, or the mean, in a window or of a whole image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .node import Node, operator
from .value import Value
from .windows import Window, one_axis, padded, surrounded, two_axes, window_of

if TYPE_CHECKING:
    from tensorflow import Tensor


@operator("MaxPool")
def largest(node: Node) -> Value:
    """The largest element of each window."""
    if node.outputs > 1:
        raise node.refusal("is asked where the largest elements lay, which TFLite does not say")
    x, window = _window(node)
    if not window.is_same and any(
        2 * max(around) > k for around, k in zip(window.around, window.kernel, strict=True)
    ):
        raise node.refusal("puts more around the tensor than half a window")
    # Elements of the same window again: minus infinity would spoil the scales of integers.
    tensor, padding = padded(node, two_axes(node, x), window, "SYMMETRIC")
    return one_axis(node, _pooled(node, "MaxPool", tensor, window, padding), x.rank)


@operator("AveragePool")
def mean(node: Node) -> Value:
    """The mean of each window."""
    x, window = _window(node)
    tensor, with_pads = two_axes(node, x), bool(node.get("count_include_pad", 0))
    if window.is_same and not with_pads:  # TensorFlow's counts no padding either
        return one_axis(node, _pooled(node, "AvgPool", tensor, window, "SAME"), x.rank)
    made = _pooled(node, "AvgPool", surrounded(node, tensor, window), window, "VALID")
    counted = _counted(window, with_pads)
    if counted.min() < np.prod(window.kernel):
        made *= (np.prod(window.kernel) / counted)[None, ..., None].astype(np.float32)
    return one_axis(node, made, x.rank)


def _window(node: Node) -> tuple[Value, Window]:
    x = node.value()
    window = window_of(node, x.shape[2:], node.get("kernel_shape"))
    if set(window.dilations) != {1}:
        raise node.refusal("has holes in its window, which TFLite's has not")
    return x, window


def _pooled(node: Node, name: str, x: Tensor, window: Window, padding: str) -> Tensor:
    arguments = {"value" if name == "AvgPool" else "input": x}
    return getattr(node.tf.raw_ops, name)(
        **arguments, ksize=(1, *window.kernel, 1), strides=(1, *window.strides, 1), padding=padding
    )


def _counted(window: Window, with_pads: bool) -> NDArray[np.float64]:
    """How many elements each window's mean is of. (rows, columns)."""
    counts = []
    for size, k, stride, (before, behind), n in zip(
        window.sizes, window.kernel, window.strides, window.pads, window.output, strict=True
    ):
        start = np.arange(n) * stride - before
        low, high = (-before, size + behind) if with_pads else (0, size)
        counts.append(np.minimum(start + k, high) - np.maximum(start, low))
    rows, columns = counts
    made: NDArray[np.float64] = np.outer(rows, columns).astype(np.float64)
    return made


@operator("GlobalAveragePool", "GlobalMaxPool")
def of_all(node: Node) -> Value:
    """One element a channel."""
    x, tf = node.value(), node.tf
    places = [x.place(axis) for axis in range(2, x.rank)]
    reduce = tf.reduce_mean if node.op == "GlobalAveragePool" else tf.reduce_max
    return Value(reduce(x.tensor, places, keepdims=True), x.order)
