"""Weights of eight bits that no processor's sums of pairs overflow.

x86 processors before VNNI multiply activations of eight bits with weights of eight bits by an
instruction that adds each two products in 16 bits, and saturates (`vpmaddubsw`). ONNX Runtime and
OpenVINO use it: 255 · 127 twice does not fit, and answers are up to half of what the file says; 255
· 64 twice does. So weights of all products but those of one weight a channel at a place, which are
computed otherwise, reach from −64 to 64, as in ONNX Runtime's and NNCF's options for such
processors, and a file answers alike wherever it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.extras import require
from edgenets.onnxruntime import NARROW_WEIGHTS
from edgenets.quantization import PAIR_STEPS

from .onnxnames import MOVING, PRODUCTS

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

# Operators that take integers by their names, and where their weights stand.
_OF_INTEGERS = {"QLinearConv": 3, "QLinearMatMul": 3, "ConvInteger": 1, "MatMulInteger": 1}

_EIGHT_BITS = ("INT8", "UINT8")


@dataclass(frozen=True)
class _Rounded:
    """A product of integers by Dequantize nodes."""

    node: NodeProto
    weights: NodeProto  # that make them float
    bias: NodeProto | None  # likewise


def within_pairs(model: ModelProto) -> ModelProto:
    """The model with the weights of its integer products between −64 and 64; it is changed.

    Its metadata say so.
    """
    graph = _Graph(model)
    # Both may be of several products, as those of an unrolled network are.
    done: dict[str, Array] = {}
    biases: set[str] = set()
    for product in graph.products():
        name = product.weights.output[0]
        if name not in done:
            done[name] = graph.narrow(product.weights)
        if product.bias is not None and product.bias.output[0] not in biases:
            biases.add(product.bias.output[0])
            graph.widen(product.bias, done[name])
    graph.forget_unused()
    if not any(entry.key == NARROW_WEIGHTS for entry in model.metadata_props):
        model.metadata_props.add(key=NARROW_WEIGHTS, value=str(PAIR_STEPS))
    return model


def beyond_pairs(model: ModelProto) -> tuple[str, ...]:
    """Names of the products whose sums may overflow where pairs are added in 16 bits."""
    graph = _Graph(model)
    found = [
        product.node.name or product.node.output[0]
        for product in graph.products()
        if _largest(graph.integers(product.weights)) > PAIR_STEPS
    ]
    for node in model.graph.node:
        place = _OF_INTEGERS.get(node.op_type)
        tensor = None if place is None else graph.constants.get(node.input[place])
        if tensor is None or _is_depthwise(node, tensor):
            continue
        values = require("onnx").numpy_helper.to_array(tensor)
        if values.dtype == np.int8 and _largest(values) > PAIR_STEPS:
            found.append(node.name or node.output[0])
    return tuple(found)


class _Graph:
    """What is where in a graph."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        self._makers = {name: node for node in model.graph.node for name in node.output}
        self._readers: dict[str, list[NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}

    def products(self) -> Iterator[_Rounded]:
        """Those of activations and weights of eight bits each."""
        for node in self._model.graph.node:
            if node.op_type in PRODUCTS and (found := self._rounded(node)) is not None:
                yield found

    def _rounded(self, node: NodeProto) -> _Rounded | None:
        before = [self._dequantizing(name) for name in node.input]
        weights, other = (self._one(before[:2], constant) for constant in (True, False))
        if weights is None or other is None or not self._is_narrow(other):
            return None
        tensor = self.constants[weights.input[0]]
        if not _is_eight_bits(tensor) or _is_depthwise(node, tensor):
            return None
        return _Rounded(node, weights, before[2] if len(before) > 2 else self._added(node))

    def _added(self, product: NodeProto) -> NodeProto | None:
        """What makes the bias float that an Add behind a product adds: runtimes make the two one,
        and take the integers of the bias as they are."""
        readers = self._readers.get(product.output[0], ())
        names = {n for node in readers if node.op_type == "Add" for n in node.input}
        makers = (self._dequantizing(name) for name in sorted(names - {product.output[0]}))
        return next((m for m in makers if m is not None and self._is_bias(m)), None)

    def _is_bias(self, node: NodeProto) -> bool:
        """Whether it makes constants float that are in the scale of sums."""
        tensor = self.constants.get(node.input[0])
        return tensor is not None and tensor.data_type == require("onnx").TensorProto.INT32

    def _one(self, nodes: Sequence[NodeProto | None], constant: bool) -> NodeProto | None:
        """The node that makes constants float, or the one that makes others so."""
        known = [node for node in nodes if node is not None]
        return next((n for n in known if (n.input[0] in self.constants) == constant), None)

    def integers(self, weights: NodeProto) -> NDArray[np.int32]:
        """Stored weights, with 0 for zero."""
        values = self._values(weights.input[0]).astype(np.int32)
        if len(weights.input) > 2 and weights.input[2]:
            values = values - self._along(weights, self._values(weights.input[2]), values.ndim)
        return np.asarray(values, np.int32)

    def narrow(self, weights: NodeProto) -> Array:
        """Store weights anew; gives the factor of every scale, (channels,) or of one."""
        values = self.integers(weights)
        scales = self._values(weights.input[1])
        axis = _axis(weights)
        others = tuple(i for i in range(values.ndim) if not scales.ndim or i != axis % values.ndim)
        factors: Array = np.maximum(np.abs(values).max(axis=others) / PAIR_STEPS, 1.0)
        if scales.size == 1:
            factors = factors.max().reshape(scales.shape)
        if (factors == 1).all():
            return factors
        stored = np.rint(values / self._along(weights, factors, values.ndim)).astype(np.int8)
        name = weights.output[0]
        self._put(weights, 0, stored, f"{name}/narrow")
        self._put(weights, 1, (scales * factors).astype(scales.dtype), f"{name}/scale")
        if len(weights.input) > 2:
            self._put(weights, 2, np.zeros(scales.shape, np.int8), f"{name}/zero")
        return factors

    def widen(self, bias: NodeProto, factors: Array) -> None:
        """Store a bias in the scales that its weights have now."""
        if bias.input[0] not in self.constants or (factors == 1).all():
            return
        values = self._values(bias.input[0])
        scales = self._values(bias.input[1])
        stored = np.rint(values / factors).astype(values.dtype)
        name = bias.output[0]
        self._put(bias, 0, stored, f"{name}/narrow")
        self._put(bias, 1, (scales * factors).astype(scales.dtype), f"{name}/scale")
        if len(bias.input) > 2:
            self._put(bias, 2, np.zeros((scales * factors).shape, values.dtype), f"{name}/zero")

    def forget_unused(self) -> None:
        """Leave out what was stored anew."""
        used = {name for node in self._model.graph.node for name in node.input}
        used |= {value.name for value in self._model.graph.output}
        kept = [t for t in self._model.graph.initializer if t.name in used]
        del self._model.graph.initializer[:]
        self._model.graph.initializer.extend(kept)

    def _put(self, node: NodeProto, place: int, values: Array, name: str) -> None:
        tensor = require("onnx").numpy_helper.from_array(np.asarray(values), name)
        self._model.graph.initializer.append(tensor)
        self.constants[name] = tensor
        node.input[place] = name

    def _dequantizing(self, name: str) -> NodeProto | None:
        """The node that makes a tensor float, before such as move values about."""
        node = self._makers.get(name)
        while node is not None and node.op_type in MOVING and node.op_type != "Cast":
            node = self._makers.get(node.input[0])
        return node if node is not None and node.op_type == "DequantizeLinear" else None

    def _is_narrow(self, node: NodeProto) -> bool:
        """Whether integers are of eight bits, as the zero of their scale says."""
        if len(node.input) < 3 or not node.input[2]:
            return True  # uint8, by default
        zero = self.constants.get(node.input[2])
        return zero is not None and _is_eight_bits(zero)

    def _values(self, name: str) -> Array:
        made: Array = require("onnx").numpy_helper.to_array(self.constants[name])
        return made

    def _along(self, node: NodeProto, values: Array, rank: int) -> Array:
        """Numbers of channels, to be used with a tensor."""
        if values.size == 1:
            return values.reshape(())
        shape = [1] * rank
        shape[_axis(node)] = -1
        return values.reshape(shape)


def _is_eight_bits(tensor: TensorProto) -> bool:
    name: str = require("onnx").TensorProto.DataType.Name(tensor.data_type)
    return name in _EIGHT_BITS


def _axis(node: NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "axis"), 1)


def _is_depthwise(node: NodeProto, weights: TensorProto) -> bool:
    """Whether each channel comes of its own one alone: both runtimes have other kernels for it."""
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    shape = list(weights.dims)
    return "Conv" in node.op_type and groups > 1 and groups == shape[0] and shape[1] == 1


def _largest(values: Array) -> int:
    return int(np.abs(values.astype(np.int32)).max(initial=0))
