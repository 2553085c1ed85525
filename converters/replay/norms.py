"""Normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np

from .node import Node, operator
from .value import Value, last

_TINY = 1e-30


@operator("BatchNormalization")
def batch(node: Node) -> Value:
    """By figures of the training; the converter makes it one with a convolution before it."""
    if node.get("training_mode", 0):
        raise node.refusal("learns as it runs; export the model for inference")
    x = node.value()
    scale, offset, mean, variance = (node.constant(i) for i in range(1, 5))
    factor = scale / np.sqrt(variance + np.float32(node.get("epsilon", 1e-5)))
    return _by_channel(node, x, factor, offset - mean * factor)


@operator("InstanceNormalization")
def instance(node: Node) -> Value:
    """Each channel of each item by its own mean and variance."""
    x = node.value()
    made = _standard(node, x, range(2, x.rank))
    return _by_channel(node, made, node.value(1).tensor, node.value(2).tensor)


@operator("GroupNormalization")
def group(node: Node) -> Value:
    """Channels in groups by their mean and variance."""
    x, tf, groups = node.value(), node.tf, node.get("num_groups")
    shape = x.shape
    parted = Value.plain(tf.reshape(x.as_onnx, (shape[0], groups, -1)))
    made = Value.plain(tf.reshape(_standard(node, parted, (2,)).tensor, shape))
    scale, offset = (node.value(i).tensor for i in (1, 2))
    if node.opset < 21:  # one a group, then
        scale, offset = (tf.repeat(t, shape[1] // groups) for t in (scale, offset))
    return _by_channel(node, made, scale, offset)


@operator("LayerNormalization", "RMSNormalization")
def layer(node: Node) -> Value:
    """Each item by the mean and variance of its last axes."""
    x = node.value()
    axes = range(node.get("axis", -1) % x.rank, x.rank)
    made = _standard(node, x, axes, centred=node.op == "LayerNormalization")
    scaled = node.otherwise("Mul", [made, node.value(1)])
    return node.otherwise("Add", [scaled, node.value(2)]) if node.has(2) else scaled


def _standard(node: Node, x: Value, axes: Any, centred: bool = True) -> Value:
    tf, places, t = node.tf, [x.place(axis) for axis in axes], x.tensor
    if centred:
        t = t - tf.reduce_mean(t, places, keepdims=True)
    power = tf.reduce_mean(t * t, places, keepdims=True)
    return Value(t * tf.math.rsqrt(power + node.get("epsilon", 1e-5)), x.order)


def _by_channel(node: Node, x: Value, factor: Any, offset: Any) -> Value:
    """Each channel times a factor, and an offset."""
    if x.rank > 1:  # of two axes as well: they may lie the other way round
        x = Value(x.channels_last, last(x.rank))
    return Value(x.tensor * factor + offset, x.order)


@operator("LpNormalization")
def length(node: Node) -> Value:
    """Along an axis of length one."""
    x, tf = node.value(), node.tf
    place = x.place(node.get("axis", -1))
    if node.get("p", 2) == 1:
        total = tf.reduce_sum(tf.abs(x.tensor), place, keepdims=True)
    else:
        total = tf.sqrt(tf.reduce_sum(x.tensor * x.tensor, place, keepdims=True))
    return Value(x.tensor / tf.maximum(total, _TINY), x.order)  # what is zero stays so


@operator("LRN")
def neighbours(node: Node) -> Value:
    """Each channel by the power of those beside it."""
    x, size = node.value(), node.get("size")
    if size % 2 == 0:
        raise node.refusal("is of an even number of channels, which lie on no two sides of one")
    made = node.tf.nn.local_response_normalization(
        x.channels_last,
        size // 2,
        node.get("bias", 1.0),
        node.get("alpha", 1e-4) / size,
        node.get("beta", 0.75),
    )
    return Value(made, last(x.rank))
