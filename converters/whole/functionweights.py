"""Weights of a TensorFlow function on the grid of their integers; see `compensation`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edgenets.arrays import Array
from edgenets.extras import require

from .compensation import Look, Product, compensated
from .function import Function
from .samples import Samples, items_of

if TYPE_CHECKING:
    from tensorflow import Operation
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.types.experimental import ConcreteFunction

# Operators, and how their weights stand: inputs and outputs last, or channels and multiples.
_PRODUCTS = ("Conv2D", "DepthwiseConv2dNative")


def with_compensated_weights(
    source: Function, samples: Samples, per_channel: bool = True, keep: Collection[str] = ()
) -> Function:
    """The function with the weights of its convolutions rounded by what they meet.

    Products of matrices stay as they are: whether the converter gives them a scale a channel
    depends on its release.

    Args:
        samples: (items, …) of every input, as the model takes them.
        per_channel: whether integers have a scale a channel, or one a layer.
        keep: layers whose weights stay as they are.
    """
    graph = source.function.graph
    made = [
        _product(operation)
        for operation in graph.get_operations()
        if operation.type in _PRODUCTS and not set(source.layers_of(operation.name)) & set(keep)
    ]
    products = [product for product in made if product is not None]
    if not products:
        return source
    found = compensated(
        products,
        _look(source),
        samples,
        lambda some: items_of(some, source.inputs),
        per_channel,
    )
    definition = graph.as_graph_def()
    tf = require("tensorflow")
    for node in definition.node:
        if node.name in found:
            before = tf.make_ndarray(node.attr["value"].tensor)
            # (rows, columns, inputs, outputs); a channel's own outputs stand beside it.
            weights = found[node.name].transpose(2, 3, 1, 0).reshape(before.shape)
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(weights))
    return replace(source, function=_with_graph(source.function, definition))


def _product(operation: Operation) -> Product | None:
    """An operation as a product; None: its weights are no constant of its own."""
    weights = operation.inputs[1].op
    while weights.type in ("Identity", "Reshape"):  # neither moves a number
        weights = weights.inputs[0].op
    own = weights.type == "Const" and len(weights.outputs[0].consumers()) == 1
    if not own or operation.get_attr("data_format") != b"NHWC":
        return None
    values = require("tensorflow").make_ndarray(weights.get_attr("value"))
    values = values.reshape(operation.inputs[1].shape)
    if values.dtype != np.float32:
        return None
    rows, columns, inner, outer = values.shape
    channels = operation.inputs[0].shape[-1]
    if operation.type == "Conv2D":
        turned, groups = values.transpose(3, 2, 0, 1), channels // inner
    else:
        turned, groups = (
            values.reshape(rows, columns, 1, inner * outer).transpose(3, 2, 0, 1),
            inner,
        )
    strides = tuple(operation.get_attr("strides")[1:3])
    dilations = tuple(operation.get_attr("dilations")[1:3])
    pads = _pads(operation, (rows, columns), strides, dilations)
    return Product(
        weights.name, operation.inputs[0].name, turned, groups, strides, dilations, pads, last=True
    )


def _pads(
    operation: Operation, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """What stands around the source, an axis each."""
    kind = operation.get_attr("padding")
    if kind == b"EXPLICIT":
        said = operation.get_attr("explicit_paddings")
        return (tuple(said[2:4]), tuple(said[4:6]))
    if kind != b"SAME":
        return ((0, 0), (0, 0))
    found = []
    for size, each, stride, dilation in zip(
        operation.inputs[0].shape[1:3], kernel, strides, dilations, strict=True
    ):
        reach = (each - 1) * dilation + 1
        missing = max(0, (-(-size // stride) - 1) * stride + reach - size)
        found.append((missing // 2, missing - missing // 2))
    return tuple(found)


def _look(source: Function) -> Look:
    """What computes inner tensors of a function."""
    tf = require("tensorflow")
    graph = source.function.graph
    session = tf.compat.v1.Session(graph=graph)
    taken = [tensor.name for tensor in source.function.inputs]

    def look(names: Sequence[str], item: Mapping[str, Array]) -> Mapping[str, Array]:
        given = dict(zip(taken, (item[info.name] for info in source.inputs), strict=True))
        return dict(zip(names, session.run(list(names), given), strict=True))

    return look


def _with_graph(function: ConcreteFunction, definition: GraphDef) -> ConcreteFunction:
    """The function with other constants."""
    convert = require("tensorflow.python.framework.convert_to_constants")
    made: ConcreteFunction = convert._construct_concrete_function(function, definition, set())
    return made
