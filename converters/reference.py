"""Runs a step graph in NumPy: the plain meaning of every operation.

It serves calibration, which needs every tensor of many streams at once, and the
tests, which hold it against Keras. Tensors are (streams, frames, channels).
"""

from __future__ import annotations

from collections.abc import Callable
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
    Op,
    Pool,
    Requantize,
    Slice,
    StepGraph,
)  # fmt: skip

Array = NDArray[np.float32]
Watch = Callable[[str, Array], None]


_BINARIES: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "max": np.maximum,
}  # fmt: skip


class Reference:
    """Runs streams through a step graph, side by side."""

    def __init__(self, graph: StepGraph, streams: int = 1) -> None:
        self.graph = graph
        self._streams = streams
        self.reset()

    def reset(self) -> None:
        """Put every state back to its initial value."""
        self._step = 0
        self.state: dict[str, Array] = {
            s.input: np.full((self._streams, *s.shape), s.initial, np.float32)
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
        tensors = {self.graph.input: features, **self.state}
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
def _(op: Linear, inputs: list[Array]) -> Array:
    return _fused(inputs[0] @ op.weights + op.bias, op.fused)


@run.register
def _(op: Conv, inputs: list[Array]) -> Array:
    windows = _windows(inputs[0], op.weights.shape[0], op.stride, op.dilation)
    return _fused(
        np.einsum("bfck,kco->bfo", windows, op.weights, optimize=True) + op.bias, op.fused
    )


@run.register
def _(op: Depthwise, inputs: list[Array]) -> Array:
    windows = _windows(inputs[0], op.weights.shape[0], op.stride, op.dilation)
    out = np.einsum("bfck,kcm->bfcm", windows, op.weights, optimize=True)
    return _fused(out.reshape(*out.shape[:2], -1) + op.bias, op.fused)


@run.register
def _(op: Binary, inputs: list[Array]) -> Array:
    return _BINARIES[op.kind](*inputs)


@run.register
def _(op: Activation, inputs: list[Array]) -> Array:
    return apply(op.kind, inputs[0], op.alpha)


@run.register
def _(op: Concat, inputs: list[Array]) -> Array:
    out: Array = np.concatenate(inputs, axis=op.axis + 1)
    return out


@run.register
def _(op: Slice, inputs: list[Array]) -> Array:
    stretch = slice(op.start, op.start + op.size)
    return inputs[0][:, stretch] if op.axis == 0 else inputs[0][:, :, stretch]


@run.register
def _(op: Pool, inputs: list[Array]) -> Array:
    windows = _windows(inputs[0], op.size, op.stride, 1)
    out: Array = windows.mean(axis=-1) if op.kind == "average" else windows.max(axis=-1)
    return out


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
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    posterior: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return posterior


def _fused(x: Array, fused: str) -> Array:
    return x if fused == "none" else apply(fused, x)


def _windows(x: Array, kernel: int, stride: int, dilation: int) -> Array:
    """(streams, frames, channels) to (streams, frames out, channels, kernel)."""
    reach = (kernel - 1) * dilation + 1
    return sliding_window_view(x, reach, axis=1)[:, ::stride, :, ::dilation]
