"""ONNX networks drawn at random: recurrent operators, causal convolutions, norms and heads.

They are written as exporters write them: PyTorch's, with channels before time and transposes
between, and those of others, with padding by itself or by operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Values = NDArray[np.float32]

WIDTH = 6


class Graph:
    """A graph that grows; each call gives the name of a tensor."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def hold(self, values: Any, dtype: Any = np.float32) -> str:
        """A constant."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def drawn(self, *shape: int) -> str:
        """Weights."""
        scale = 1 / np.sqrt(max(1, np.prod(shape[1:])))
        return self.hold(scale * self.rng.standard_normal(shape))

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """An operator; of several outputs the first one."""
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [*inputs], names, name, **attributes))
        return names[0]

    def model(self, length: int | None, outputs: Sequence[str], turned: bool = False) -> Any:
        """The model, of sequences x (1, time, width), or (1, width, time)."""
        time: Any = "time" if length is None else length
        shape = [1, WIDTH, time] if turned else [1, time, WIDTH]
        x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)
        made = [helper.make_tensor_value_info(o, onnx.TensorProto.FLOAT, None) for o in outputs]
        graph = helper.make_graph(self.nodes, "drawn", [x], made, self.weights)
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
        return onnx.shape_inference.infer_shapes(model, data_prop=True)


def causal(g: Graph, x: str, inside: int, out: int) -> str:
    """A convolution over the last axis, padded on the left in one of three ways."""
    kernel, dilation = int(g.rng.integers(1, 4)), int(g.rng.integers(1, 3))
    groups = inside if g.rng.random() < 0.3 and out == inside else 1
    weights, bias = g.drawn(out, inside // groups, kernel), g.drawn(out)
    reach = (kernel - 1) * dilation
    same = {"group": groups, "dilations": [dilation], "kernel_shape": [kernel]}
    how = g.rng.integers(3)
    if how == 0 or not reach:
        return g.add("Conv", x, weights, bias, pads=[reach, 0], **same)
    if how == 1:
        pads = g.hold([0, 0, reach, 0, 0, 0], np.int64)
        return g.add("Conv", g.add("Pad", x, pads), weights, bias, **same)
    both = g.add("Conv", x, weights, bias, pads=[reach, reach], **same)
    ends = [g.hold([v], np.int64) for v in (0, -reach, 2)]
    return g.add("Slice", both, *ends)


def activated(g: Graph, x: str) -> str:
    kind = str(g.rng.choice(["Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "silu", "HardSwish",
                             "Clip", "PRelu", "Softplus", "none"]))  # fmt: skip
    if kind == "none":
        return x
    if kind == "silu":
        return g.add("Mul", x, g.add("Sigmoid", x))
    if kind == "Clip":
        return g.add("Clip", x, g.hold(-0.5), g.hold(1.5))
    if kind == "PRelu":
        return g.add("PRelu", x, g.hold([0.25]))
    return g.add(kind, x)


def recurrent(g: Graph, x: str, inside: int, units: int) -> str:
    """A recurrent operator over (1, time, channels), as (1, time, units)."""
    kind = str(g.rng.choice(["GRU", "LSTM", "RNN"]))
    gates = {"GRU": 3, "LSTM": 4, "RNN": 1}[kind]
    weights = [g.drawn(1, gates * units, inside), g.drawn(1, gates * units, units)]
    if g.rng.random() < 0.8:
        weights.append(g.drawn(1, 2 * gates * units))
    more: dict[str, Any] = {"hidden_size": units}
    if kind == "GRU":
        more["linear_before_reset"] = int(g.rng.integers(2))
    if kind == "RNN":
        more["activations"] = [str(g.rng.choice(["Tanh", "Relu"]))]
    if len(weights) == 3 and g.rng.random() < 0.5:
        zeros = g.hold(np.zeros((1, 1, units)))
        weights += ["", zeros, *([zeros] if kind == "LSTM" else [])]
    first = g.add("Transpose", x, perm=[1, 0, 2])
    every = g.add(kind, first, *weights, outputs=2 if kind != "LSTM" else 3, **more)
    if g.rng.random() < 0.5:
        squeezed = g.add("Squeeze", every, g.hold([1], np.int64))
        return g.add("Transpose", squeezed, perm=[1, 0, 2])
    turned = g.add("Transpose", every, perm=[2, 0, 1, 3])
    return g.add("Reshape", turned, g.hold([1, -1, units], np.int64))


def normed(g: Graph, x: str, channels: int, turned: bool) -> str:
    if turned:
        spread = g.hold(0.5 + g.rng.random(channels))
        parts = [g.drawn(channels) for _ in range(3)]
        return g.add("BatchNormalization", x, parts[0], parts[1], parts[2], spread)
    return g.add("LayerNormalization", x, g.drawn(channels), g.drawn(channels), axis=-1)


def headed(g: Graph, x: str, channels: int, turned: bool) -> str:
    """Scores of the last frame, of the mean of all, or of each."""
    how = str(g.rng.choice(["last", "gather", "mean", "each"]))
    if how == "each":
        y = g.add("Transpose", x, perm=[0, 2, 1]) if turned else x
    elif how == "mean":
        y = g.add("ReduceMean", x, axes=[2 if turned else 1], keepdims=0)
    elif how == "last" and not turned:
        ends = [g.hold([v], np.int64) for v in (-1, 1 << 40, 1)]
        y = g.add("Squeeze", g.add("Slice", x, *ends), g.hold([1], np.int64))
    else:
        y = g.add("Gather", x, g.hold(-1, np.int64), axis=2 if turned else 1)
    y = g.add("Add", g.add("MatMul", y, g.drawn(channels, 4)), g.drawn(4))
    return g.add("Softmax", y, axis=-1) if g.rng.random() < 0.5 else y


def drawn(seed: int, length: int | None = None) -> Any:
    """A network that looks at no frame ahead of time."""
    g = Graph(seed)
    turned = bool(g.rng.integers(2))
    first, x, channels = turned, "x", WIDTH
    for _ in range(int(g.rng.integers(1, 4))):
        out = int(g.rng.choice([channels, 5, 8]))
        over_time = g.rng.random() < 0.5
        if over_time != turned:
            x, turned = g.add("Transpose", x, perm=[0, 2, 1]), over_time
        before = x
        x = causal(g, x, channels, out) if over_time else recurrent(g, x, channels, out)
        if g.rng.random() < 0.4:
            x = normed(g, x, out, turned)
        x = activated(g, x)
        if out == channels and g.rng.random() < 0.4:
            x = g.add("Add", x, before)
        channels = out
    return g.model(length, [headed(g, x, channels, turned)], first)
