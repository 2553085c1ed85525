"""Convolutions, pools, recurrent operators and norms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array

from ..step import cells
from ..step.activations import Around
from ..step.builder import Builder, Signal
from ..step.graph import Pair
from ..step.pooled import mean_so_far, most_so_far
from .maths import in_order
from .shapes import Handler, padded_in_time
from .value import Axis, Node, Value, gone, in_time, plain

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class _Windows:
    """What a convolution or a pool looks at, over time and bands."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    before: Pair
    after: Pair


def _windows(node: Node, x: Value, kernel: Sequence[int]) -> _Windows:
    axes = [axis for axis in x.axes[2:] if axis in ("T", "F")]
    if x.axes[1:2] != ("C",) or len(axes) != len(kernel) or "T" not in axes:
        raise node.refusal(
            f"is over axes {list(x.axes)}, of which the second is to be channels, and all behind "
            f"it time or bands"
        )
    count = len(kernel)
    pads = node.ints("pads", [0] * (2 * count))
    if (auto := node.text("auto_pad", "NOTSET")) not in ("NOTSET", "VALID"):
        raise node.refusal(f"pads by itself ({auto}); export the model with pads that are said")

    def pair(values: Sequence[int], default: int) -> Pair:
        found = dict(zip(axes, values, strict=True))
        return int(found["T"]), int(found.get("F", default))

    return _Windows(
        pair(kernel, 1),
        pair(node.ints("strides", [1] * count), 1),
        pair(node.ints("dilations", [1] * count), 1),
        pair(pads[:count], 0),
        pair(pads[count:], 0),
    )


def _padded(b: Builder, node: Node, x: Value, w: _Windows) -> tuple[Value, int]:
    """A value with the padding of a convolution, and the length of what comes of it."""
    signal = b.pad_bands(x.signal, w.before[1], w.after[1], node.name)
    x = in_time(node, x).with_signal(signal)
    reach = (w.kernel[0] - 1) * w.dilation[0] + 1
    causal = (x.length + w.before[0] - reach) // w.stride[0] + 1
    length = (x.length + w.before[0] + w.after[0] - reach) // w.stride[0] + 1
    padded = padded_in_time(x, w.before[0], 0)
    return replace(padded, ahead=length - causal), length


def convolution(b: Builder, node: Node) -> Value:
    """Conv over time, or over time and bands."""
    x, kernel = node.value(), node.needed(1).astype(np.float32)
    x = _with_bands(x, kernel.shape[1])
    w = _windows(node, x, kernel.shape[2:])
    if kernel.ndim == 4 and x.axes[2] == "F":  # bands come first there
        kernel = kernel.swapaxes(2, 3)
    kernel = kernel if kernel.ndim == 4 else kernel[..., None]
    groups, depth = node.int("group", 1), x.signal.depth
    given = node.constant(2)
    bias = np.zeros(kernel.shape[0], np.float32) if given is None else given.astype(np.float32)
    x, length = _padded(b, node, x, w)
    weights = kernel.transpose(2, 3, 1, 0)  # frames, bands, in, out
    if groups == 1:
        made = b.conv(x.signal, weights, bias, w.stride, w.dilation, node.name)
    elif groups == depth:
        each = kernel.reshape(depth, -1, *kernel.shape[2:]).transpose(2, 3, 0, 1)
        made = b.depthwise(x.signal, each, bias, w.stride, w.dilation, node.name)
    else:
        made = _grouped(b, node, x.signal, (weights, bias), w)
    return Value(made, x.axes, length, x.ahead)


def _with_bands(x: Value, channels: int) -> Value:
    """One channel of bands, where an axis of one stands for channels."""
    if x.axes[1:2] == ("1",) and channels == 1 and "C" in x.axes[2:] and "F" not in x.axes:
        axes: list[Axis] = ["F" if axis == "C" else axis for axis in x.axes]
        axes[1] = "C"
        signal = replace(x.signal, bands=x.signal.channels, rank=4)
        return replace(x, signal=signal, axes=tuple(axes))
    return x


def _grouped(
    b: Builder, node: Node, x: Signal, held: tuple[Weights, Weights], w: _Windows
) -> Signal:
    """Groups of channels, one convolution each, side by side."""
    (weights, bias), groups = held, node.int("group", 1)
    if x.bands:
        raise node.refusal(f"has {groups} groups over bands; 1, or one a channel, has a step form")
    deep, wide = x.channels // groups, weights.shape[3] // groups
    parts = []
    for group in range(groups):
        name = f"{node.name}/group{group}"
        tensor = b.slice(x.tensor, 1, group * deep, deep, name)
        part = replace(x, tensor=tensor, channels=deep)
        own = slice(group * wide, (group + 1) * wide)
        parts.append(b.conv(part, weights[..., own], bias[own], w.stride, w.dilation, name))
    tensor = b.concat([part.tensor for part in parts], 1, node.name)
    return replace(parts[0], tensor=tensor, channels=weights.shape[3])


def pooling(kind: Literal["average", "max"]) -> Handler:
    """AveragePool and MaxPool."""

    def handler(b: Builder, node: Node) -> Value:
        x, kernel = node.value(), node.ints("kernel_shape", [])
        w = _windows(node, x, kernel)
        if w.dilation != (1, 1) or any((*w.before, *w.after)) or node.int("ceil_mode", 0):
            raise node.refusal("pads, dilates or rounds up, which no pool of a stream does")
        x, length = _padded(b, node, x, w)
        made = b.pool(x.signal, kind, w.kernel, w.stride, node.name)
        return Value(made, x.axes, length, x.ahead)

    return handler


def over_all(kind: Literal["average", "max"]) -> Handler:
    """GlobalAveragePool, ReduceMean and their like: over bands, and over time so far."""

    def handler(b: Builder, node: Node) -> Value:
        x = node.value()
        axes, keep = _reduced(node, x)
        kinds = {x.axes[axis] for axis in axes} - {"1"}
        if "C" in kinds:
            return _over_channels(b, node, x, kinds, axes, keep)
        if "F" in kinds:
            made = b.pool(x.signal, kind, (1, x.signal.rows), (1, 1), node.name)
            x = x.with_signal(replace(made, bands=0, rank=3))
        if "T" in kinds:
            x = in_time(node, x)
            take = mean_so_far if kind == "average" else most_so_far
            b.float_layers.add(node.name)
            x = gone(x, take(b, x.signal, node.name, 2), x.axes)
        left = [None if i in axes and not keep else axis for i, axis in enumerate(x.axes)]
        here = [axis for axis in left if axis is not None]
        return replace(x, axes=tuple("1" if axis in kinds else axis for axis in here))

    return handler


def _reduced(node: Node, x: Value) -> tuple[set[int], bool]:
    """The axes that are taken together, and whether they stay as ones."""
    if node.kind.startswith("Global"):
        return set(range(2, len(x.axes))), True
    given = node.constant(1)
    axes = node.ints("axes", []) if given is None else [int(a) for a in given.ravel()]
    chosen = {axis % len(x.axes) for axis in axes} or set(range(len(x.axes)))
    return chosen, bool(node.int("keepdims", 1))


def _over_channels(
    b: Builder, node: Node, x: Value, kinds: set[Axis], axes: set[int], keep: bool
) -> Value:
    """The mean of a frame's channels, which norms are made of."""
    if kinds != {"C"} or "F" in x.axes or "Mean" not in node.kind:
        raise node.refusal("takes channels together with something else")
    count = x.signal.channels
    weights = np.full((count, 1), 1 / count, np.float32)
    tensor = b.linear(x.signal.tensor, weights, np.zeros(1, np.float32), node.name, "mean")
    x = replace(x.with_signal(replace(x.signal, tensor=tensor, channels=1)), order=None)
    return x if keep else replace(x, axes=tuple(a for i, a in enumerate(x.axes) if i not in axes))


def batch_norm(b: Builder, node: Node) -> Value:
    """BatchNormalization, by its running statistics."""
    x = node.value()
    if x.axes[1:2] != ("C",):
        raise node.refusal("normalizes something else than channels")
    factor, offset, mean, variance = (node.needed(i).astype(np.float64) for i in range(1, 5))
    scale = factor / np.sqrt(variance + node.float("epsilon", 1e-5))
    moved = offset - mean * scale
    x = x if x.order is None else plain(b, x, node.name)
    numbers = scale.astype(np.float32), moved.astype(np.float32)
    return x.with_tensor(b.scale(x.signal.tensor, *numbers, node.name, x.signal.rows))


def layer_norm(b: Builder, node: Node) -> Value:
    """LayerNormalization over the channels of a frame (Ba et al. 2016, arXiv:1607.06450)."""
    x = node.value()
    axis = node.int("axis", -1) % len(x.axes)
    if axis != len(x.axes) - 1 or x.axes[-1] != "C" or "F" in x.axes:
        raise node.refusal("normalizes more than the channels of a frame")
    x, inside = plain(b, x, node.name), f"{node.name}/norm"
    b.float_layers.add(inside)
    f, count = Around(b, inside), x.signal.channels
    mean, zero = np.full((count, 1), 1 / count, np.float32), np.zeros(1, np.float32)
    middle = b.linear(x.signal.tensor, mean, zero, inside, "mean")
    apart = f.both("sub", x.signal.tensor, middle)
    spread = b.linear(f.both("mul", apart, apart), mean, zero, inside, "variance")
    logs = f.of("log", f.scale(spread, 1, node.float("epsilon", 1e-5)))
    unit = f.both("mul", apart, f.of("exponential", f.scale(logs, -0.5)))
    factor = node.needed(1).astype(np.float32).ravel()
    given = node.constant(2)
    offset = np.zeros(count, np.float32) if given is None else given.astype(np.float32).ravel()
    return x.with_tensor(b.scale(unit, factor, offset, inside))


# Gates of ONNX in the order of Keras.
_GATES = {"GRU": (0, 1, 2), "LSTM": (0, 2, 3, 1), "RNN": (0,)}
_CELLS = {"GRU": cells.gru, "LSTM": cells.lstm, "RNN": cells.simple_rnn}
_USUAL = {"GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "RNN": ["Tanh"]}
_NAMES = {name: name.lower() for name in ("Relu", "Tanh", "Sigmoid", "Softsign", "Softplus")}


def recurrent(b: Builder, node: Node) -> list[Value]:
    """GRU, LSTM and RNN, forwards: all answers, and the last ones."""
    x = in_time(node, node.value())
    _check_recurrent(node, x)
    cell = _cell(node, x)
    firsts = [node.values[i] for i in (5, 6) if i < len(node.values)]
    given = [v.signal for v in firsts if isinstance(v, Value)]
    starts = [v for v in firsts if isinstance(v, np.ndarray)]
    if any(np.any(start) for start in starts):
        raise node.refusal("begins with a state that is not zero; give it as an input")
    found = _CELLS[node.kind](b, x.signal, cell, node.name, given)
    axes: tuple[Axis, ...] = ("T", "1", "1", "C")
    every = Value(found, axes, x.length)
    last = b.slice(found.tensor, 0, found.frames - 1, 1, node.name, "last")
    ended = replace(
        found, tensor=last, frames=1, delay=found.delay // found.frames, sequence=False, rank=2
    )
    answers = [every, Value(ended, ("1", "1", "C"), 1)]
    if node.kind == "LSTM":
        memory = replace(ended, tensor=b.states[-1].output)  # closed last
        answers.append(Value(memory, ("1", "1", "C"), 1))
    return answers


def _check_recurrent(node: Node, x: Value) -> None:
    if node.text("direction", "forward") != "forward":
        raise node.refusal("runs backwards in time; a stream has no end to begin at")
    if x.axes != ("T", "1", "C") or node.int("layout", 0):
        raise node.refusal(f"takes {list(x.axes)}; time, batch and channels are needed")
    lengths = node.constant(4)
    if lengths is not None and any(int(n) != x.length for n in lengths.ravel()):
        raise node.refusal("reads a part of the sequence")
    if node.float("clip", 0.0) or node.int("input_forget", 0) or len(node.values) > 7:
        raise node.refusal("has clipping, coupled gates or peepholes, which no step form has")


def _cell(node: Node, x: Value) -> cells.Weighted:
    """The weights of an operator, as Keras has them."""
    units, gates = node.int("hidden_size", 0), _GATES[node.kind]
    rows = np.concatenate([np.arange(units) + gate * units for gate in gates])
    kernel, again = (node.needed(i)[0][rows].T.astype(np.float32) for i in (1, 2))
    given = node.constant(3)
    both = np.zeros((2, len(rows)), np.float32)
    if given is not None:
        both = given[0].reshape(2, -1)[:, rows].astype(np.float32)
    after = node.kind == "GRU" and bool(node.int("linear_before_reset", 0))
    bias: Array = both if after else both.sum(axis=0)
    gate, own = _activations(node)
    return cells.Weighted(units, in_order(x, kernel), again, bias, after, own, gate)


def _activations(node: Node) -> tuple[str, str]:
    """Of the gates, and of what they let through."""
    names = node.texts("activations") or _USUAL[node.kind]
    if unknown := [name for name in names if not _NAMES.get(name)]:
        raise node.refusal(f"has the activation {unknown[0]}")
    if node.kind == "LSTM" and names[1] != names[2]:
        raise node.refusal("has two activations of its memory")
    return _NAMES[names[0]], _NAMES[names[0] if node.kind == "RNN" else names[1]]


HANDLERS: dict[str, Callable[[Builder, Node], Value | list[Value]]] = {
    "AveragePool": pooling("average"),
    "BatchNormalization": batch_norm,
    "Conv": convolution,
    "GRU": recurrent,
    "GlobalAveragePool": over_all("average"),
    "GlobalMaxPool": over_all("max"),
    "LSTM": recurrent,
    "LayerNormalization": layer_norm,
    "MaxPool": pooling("max"),
    "RNN": recurrent,
    "ReduceMax": over_all("max"),
    "ReduceMean": over_all("average"),
}
