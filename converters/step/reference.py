"""Runs a step graph in NumPy: the plain meaning of every operation.

It serves calibration, which needs every tensor of many streams at once, and the
tests, which hold it against Keras. Tensors are (streams, frames, channels).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import singledispatch

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

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
    Pair,
    Pool,
    Product,
    Requantize,
    Slice,
    StepGraph,
)

Array = NDArray[np.float32]
Watch = Callable[[str, Array], None]


_BINARIES: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
}


class Reference:
    """Runs streams through a step graph, side by side."""

    def __init__(self, graph: StepGraph, streams: int = 1) -> None:
        self.graph = graph
        self._streams = streams
        self.reset()

    def reset(self, given: Mapping[str, Array] | None = None) -> None:
        """Put every state back to its initial value.

        Args:
            given: (streams, rows, channels) of what is held, and (streams, 1, units) of states
                that are given.
        """
        self._step, given = 0, given or {}
        self._held = {name: given[name] for name in self.graph.sequence_inputs if name in given}
        self.state: dict[str, Array] = {
            s.input: given[s.input]
            if s.input in given
            else np.full((self._streams, *s.shape), s.initial, np.float32)
            for s in self.graph.states
        }

    def step(self, features: Array, watch: Watch | None = None) -> Array:
        """One step of every stream.

        Args:
            features: (streams, frames, channels).
            watch: called with the name and value of every tensor.

        Returns:
            (streams, frames out, channels out).
        """
        tensors = {self.graph.input: features, **self.state, **self._held}
        for op in self.graph.ops:
            tensors[op.output] = run(op, [tensors[name] for name in op.inputs])
        if watch is not None:
            for name, value in tensors.items():
                watch(name, value)
        for state in self.graph.states:
            if self._step >= state.hold:
                self.state[state.input] = np.broadcast_to(
                    tensors[state.output], (self._streams, *state.shape)
                )
        self._step += 1
        return tensors[self.graph.output]

    def sequence(self, features: Array, watch: Watch | None = None) -> Array:
        """All steps of whole sequences.

        Args:
            features: (streams, time, channels); frames that fill no step are left out.
            watch: as for `step`.

        Returns:
            (streams, frames out, channels out) of all steps, one after another.
        """
        frames = self.graph.frames
        return np.concatenate(
            [
                self.step(features[:, t : t + frames], watch)
                for t in range(0, features.shape[1] - frames + 1, frames)
            ],
            axis=1,
        )


@singledispatch
def run(op: Op, inputs: list[Array]) -> Array:
    """The value of one operation."""
    raise NotImplementedError(type(op).__name__)


@run.register
def _(op: Lookup, inputs: list[Array]) -> Array:
    found: Array = op.table[inputs[0][..., 0].astype(np.int64)]
    return found


@run.register
def _(op: Linear, inputs: list[Array]) -> Array:
    return _fused(inputs[0] @ op.weights + op.bias, op.fused)


@run.register
def _(op: Product, inputs: list[Array]) -> Array:
    a, b = inputs
    return a @ (b.transpose(0, 2, 1) if op.turned else b)


@run.register
def _(op: Conv, inputs: list[Array]) -> Array:
    windows = _windows(inputs[0], op.bands, _kernel(op), op.stride, op.dilation)
    out = np.einsum("sfbckl,klco->sfbo", windows, op.weights, optimize=True) + op.bias
    return _fused(_flat(out), op.fused)


@run.register
def _(op: Depthwise, inputs: list[Array]) -> Array:
    windows = _windows(inputs[0], op.bands, _kernel(op), op.stride, op.dilation)
    out = np.einsum("sfbckl,klcm->sfbcm", windows, op.weights, optimize=True)
    return _fused(_flat(out.reshape(*out.shape[:3], -1) + op.bias), op.fused)


@run.register
def _(op: Binary, inputs: list[Array]) -> Array:
    return _BINARIES[op.kind](*inputs)


@run.register
def _(op: Activation, inputs: list[Array]) -> Array:
    return apply(op.kind, inputs[0], op.alpha)


@run.register
def _(op: Concat, inputs: list[Array]) -> Array:
    streams = max(len(x) for x in inputs)  # a constant is of one alone
    parts = [np.broadcast_to(x, (streams, *x.shape[1:])) for x in inputs]
    out: Array = np.concatenate(parts, axis=op.axis + 1)
    return out


@run.register
def _(op: Slice, inputs: list[Array]) -> Array:
    stretch = slice(op.start, op.start + op.size)
    return inputs[0][:, stretch] if op.axis == 0 else inputs[0][:, :, stretch]


@run.register
def _(op: Pool, inputs: list[Array]) -> Array:
    windows = _windows(inputs[0], op.bands, op.size, op.stride, (1, 1))
    reduce = np.mean if op.kind == "average" else np.max
    return _flat(reduce(windows, axis=(-2, -1)))


@run.register
def _(op: Requantize, inputs: list[Array]) -> Array:
    return inputs[0]


@run.register
def _(op: Constant, inputs: list[Array]) -> Array:
    return op.value[None]


def apply(kind: str, x: Array, alpha: float = 0.0) -> Array:
    """An activation of `graph.ACTIVATIONS`."""
    if kind == "relu":
        return np.maximum(x, 0)
    if kind == "relu6":
        return np.clip(x, 0, 6)
    if kind == "sigmoid":
        out: Array = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1))
        return out
    if kind == "tanh":
        return np.tanh(x)
    if kind == "elu":
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
    if kind == "leaky_relu":
        return np.where(x > 0, x, np.float32(alpha) * x)
    if kind == "exponential":
        return np.exp(x)
    if kind == "log":
        return np.log(x)
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    posterior: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return posterior


def _fused(x: Array, fused: str) -> Array:
    return x if fused == "none" else apply(fused, x)


def _kernel(op: Conv | Depthwise) -> Pair:
    frames, bands = op.weights.shape[:2]
    return frames, bands


def _windows(x: Array, bands: int, kernel: Pair, stride: Pair, dilation: Pair) -> Array:
    """(streams, frames, channels) to (streams, frames out, bands out, channels, *kernel)."""
    x = x.reshape(*x.shape[:2], bands, -1)
    for axis in (0, 1):
        reach = (kernel[axis] - 1) * dilation[axis] + 1
        x = sliding_window_view(x, reach, axis=1 + axis)[..., :: dilation[axis]]
    return x[:, :: stride[0], :: stride[1]]


def _flat(x: Array) -> Array:
    """(streams, frames, bands, channels of a band) to (streams, frames, channels)."""
    return x.reshape(*x.shape[:2], -1)
