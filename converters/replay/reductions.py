"""What is reduced along axes, and what is decided there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .node import Node, operator
from .value import Order, Value

if TYPE_CHECKING:
    from tensorflow import Tensor

_REDUCED: dict[str, Callable[[Any, Any, Any, bool], Any]] = {
    "ReduceL1": lambda tf, x, axes, keep: tf.reduce_sum(tf.abs(x), axes, keep),
    "ReduceL2": lambda tf, x, axes, keep: tf.sqrt(tf.reduce_sum(x * x, axes, keep)),
    "ReduceLogSum": lambda tf, x, axes, keep: tf.math.log(tf.reduce_sum(x, axes, keep)),
    "ReduceLogSumExp": lambda tf, x, axes, keep: tf.reduce_logsumexp(x, axes, keep),
    "ReduceMax": lambda tf, x, axes, keep: tf.reduce_max(x, axes, keep),
    "ReduceMean": lambda tf, x, axes, keep: tf.reduce_mean(x, axes, keep),
    "ReduceMin": lambda tf, x, axes, keep: tf.reduce_min(x, axes, keep),
    "ReduceProd": lambda tf, x, axes, keep: tf.reduce_prod(x, axes, keep),
    "ReduceSum": lambda tf, x, axes, keep: tf.reduce_sum(x, axes, keep),
    "ReduceSumSquare": lambda tf, x, axes, keep: tf.reduce_sum(x * x, axes, keep),
}


@operator(*_REDUCED)
def reduced(node: Node) -> Value:
    """Over some axes, or all."""
    x, keep = node.value(), bool(node.get("keepdims", 1))
    axes = node.numbers("axes", 1)
    if axes is None or not axes:
        if node.get("noop_with_empty_axes", 0):
            return x
        axes = list(range(x.rank))
    places = [x.place(axis) for axis in axes]
    made = _REDUCED[node.op](node.tf, x.tensor, places, keep)
    return Value(made, x.order if keep else without(x.order, [a % x.rank for a in axes]))


def without(order: Order, axes: Sequence[int]) -> Order:
    """An order when some of ONNX's axes are gone."""
    left = [axis for axis in order if axis not in axes]
    return tuple(sorted(left).index(axis) for axis in left)


@operator("ArgMax", "ArgMin")
def place(node: Node) -> Value:
    """Where along an axis the largest or the least is; the first of several, or the last."""
    x, tf, axis = node.value(), node.tf, node.get("axis", 0)
    find = tf.argmax if node.op == "ArgMax" else tf.argmin
    if node.get("select_last_index", 0):
        backwards = tf.reverse(x.tensor, [x.place(axis)])
        made = x.shape[axis] - 1 - find(backwards, x.place(axis), output_type=tf.int64)
    else:
        made = find(x.tensor, x.place(axis), output_type=tf.int64)
    if node.get("keepdims", 1):
        return Value(tf.expand_dims(made, x.place(axis)), x.order)
    return Value(made, without(x.order, [axis % x.rank]))


@operator("Softmax", "LogSoftmax", "Hardmax")
def shares(node: Node) -> Value:
    """Shares of one along an axis."""
    x, tf = node.value(), node.tf
    axis = node.get("axis", -1 if node.opset >= 13 else 1) % x.rank
    if node.opset < 13 and axis != x.rank - 1:  # it was of all that is behind the axis, then
        shape, rows = x.shape, int(np.prod(x.shape[:axis]))
        flat = tf.reshape(x.as_onnx, (rows, -1))
        return Value.plain(tf.reshape(_shares(node, flat, 1), shape))
    return Value(_shares(node, x.tensor, x.place(axis)), x.order)


def _shares(node: Node, tensor: Tensor, axis: int) -> Tensor:
    tf = node.tf
    if node.op == "Softmax":
        return tf.nn.softmax(tensor, axis)
    if node.op == "LogSoftmax":
        return tf.nn.log_softmax(tensor, axis)
    size = int(tensor.shape[axis])
    return tf.one_hot(tf.argmax(tensor, axis), size, axis=axis, dtype=tensor.dtype)


@operator("TopK")
def best(node: Node) -> list[Value]:
    """The largest along an axis, or the least, and where they are."""
    x, tf = node.value(), node.tf
    (count,) = node.numbers("k", 1) or [0]
    axis = node.get("axis", -1) % x.rank
    order = (*(a for a in range(x.rank) if a != axis), axis)
    tensor = x.lying(order)
    if node.get("largest", 1):
        found, places = tf.math.top_k(tensor, count)
    else:
        found, places = tf.math.top_k(-tensor, count)
        found = -found
    return [Value(found, order), Value(tf.cast(places, tf.int64), order)]


@operator("CumSum")
def running(node: Node) -> Value:
    """The sum so far along an axis."""
    x = node.value()
    axis = int(node.constant(1).reshape(-1)[0])
    made = node.tf.cumsum(
        x.tensor, x.place(axis), bool(node.get("exclusive", 0)), bool(node.get("reverse", 0))
    )
    return Value(made, x.order)
