"""Appends operations to a step graph while a model is walked, and keeps track of time.

Time is the heart of it. A step takes `frames` frames; a layer of stride 2 leaves
half of them. A layer without padding drops the first frames of a sequence:
`Signal.delay` counts, for every tensor, how many frames of the stream come before
the first one of the whole sequence. Padding on the left adds frames that no stream
has: `Signal.padding` counts them until a convolution or pooling takes them up as
the zeros that its ring buffer starts with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import ConversionError

from .graph import (
    Activation,
    Axis,
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
    Shape,
    Slice,
    State,
)


@dataclass(frozen=True)
class Signal:
    """A tensor of the step graph, and its place in time."""

    tensor: str
    frames: int  # a step
    channels: int  # of all bands together
    bands: int = 0  # 0: a frame is a vector; else it is (bands, channels of a band)
    rank: int = 3  # axes that Keras has for it, batch included
    delay: int = 0  # stream frames before the first that means anything
    padding: int = 0  # frames of zeros that the whole sequence has before that one
    sequence: bool = True  # False: one vector, always the newest
    tokens: bool = False  # a frame is the number of a token
    given: bool = False  # comes from outside once a sequence

    @property
    def rows(self) -> int:
        """Bands of a frame; a vector is one."""
        return self.bands or 1

    @property
    def depth(self) -> int:
        """Channels of a band."""
        return self.channels // self.rows


@dataclass(frozen=True)
class Reach:
    """The stretch of frames that one output of a convolution or pooling looks at."""

    size: int  # frames, dilation included
    stride: int


def _reach(kernel: Sequence[int], stride: Pair, dilation: Pair) -> Reach:
    """Over time; over bands nothing needs to be remembered."""
    return Reach((kernel[0] - 1) * dilation[0] + 1, stride[0])


class Builder:
    """Collects operations, shapes and states under unique names."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.shapes: dict[str, Shape] = {}
        self.states: list[State] = []
        self.float_layers: set[str] = set()  # layers of `ops` that stay float
        self._given: set[str] = set()  # states that begin with what comes from outside

    # -- tensors -------------------------------------------------------------------------------

    def source(self, name: str, shape: Shape) -> str:
        """Name a tensor that comes from outside."""
        self.shapes[name] = shape
        return name

    def _add(self, op: Op, shape: Shape) -> str:
        self.ops.append(op)
        self.shapes[op.output] = shape
        return op.output

    def _name(self, layer: str, what: str) -> str:
        name, count = f"{layer}/{what}", 1
        while name in self.shapes:
            count += 1
            name = f"{layer}/{what}_{count}"
        return name

    # -- operations on tensors -----------------------------------------------------------------

    def linear(
        self,
        x: str,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
        layer: str,
        what: str = "linear",
    ) -> str:
        """A matrix product frame by frame: (in, out) weights, (out,) bias."""
        op = Linear((x,), self._name(layer, what), layer, weights, bias)
        return self._add(op, (self.shapes[x][0], weights.shape[1]))

    def lookup(self, x: str, table: NDArray[np.float32], layer: str) -> str:
        """What each token stands for: (tokens, channels) table."""
        op = Lookup((x,), self._name(layer, "lookup"), layer, table)
        return self._add(op, (self.shapes[x][0], table.shape[1]))

    def product(self, a: str, b: str, layer: str, what: str, *, turned: bool = False) -> str:
        """The matrix product a @ b, or a @ b.T."""
        op = Product((a, b), self._name(layer, what), layer, turned)
        return self._add(op, (self.shapes[a][0], self.shapes[b][0 if turned else 1]))

    def binary(self, kind: str, a: str, b: str, layer: str, what: str | None = None) -> str:
        """Two tensors joined element by element, as `graph.Binary`."""
        op = Binary((a, b), self._name(layer, what or kind), layer, kind)  # type: ignore[arg-type]
        (fa, ca), (fb, cb) = self.shapes[a], self.shapes[b]
        return self._add(op, (max(fa, fb), max(ca, cb)))

    def activation(self, kind: str, x: str, layer: str, alpha: float = 0.0) -> str:
        """A function of each element, as `graph.Activation`."""
        op = Activation((x,), self._name(layer, kind), layer, kind, alpha)
        return self._add(op, self.shapes[x])

    def constant(self, value: NDArray[np.float32], layer: str, what: str = "constant") -> str:
        """A value that never changes, (frames, channels)."""
        op = Constant((), self._name(layer, what), layer, value)
        return self._add(op, (value.shape[0], value.shape[1]))

    def concat(self, tensors: Sequence[str], axis: Axis, layer: str, what: str = "concat") -> str:
        """Tensors one after another along an axis; of one alone, itself."""
        if len(tensors) == 1:
            return tensors[0]
        shape = list(self.shapes[tensors[0]])
        shape[axis] = sum(self.shapes[t][axis] for t in tensors)
        op = Concat(tuple(tensors), self._name(layer, what), layer, axis)
        return self._add(op, (shape[0], shape[1]))

    def slice(
        self, x: str, axis: Axis, start: int, size: int, layer: str, what: str = "slice"
    ) -> str:
        """A stretch of an axis; of the whole axis, the tensor itself."""
        shape = list(self.shapes[x])
        if start == 0 and size == shape[axis]:
            return x
        shape[axis] = size
        op = Slice((x,), self._name(layer, what), layer, axis, start, size)
        return self._add(op, (shape[0], shape[1]))

    def scale(
        self,
        x: str,
        factor: NDArray[np.float32],
        offset: NDArray[np.float32],
        layer: str,
        bands: int = 1,
    ) -> str:
        """x · factor + offset, a channel at a time; of every band alike."""
        weights = np.asarray(factor, np.float32).reshape(1, 1, -1, 1)
        offset = np.asarray(offset, np.float32)
        op = Depthwise((x,), self._name(layer, "scale"), layer, weights, offset, bands)
        return self._add(op, self.shapes[x])

    # -- operations on signals, which know time ------------------------------------------------

    def conv(
        self,
        x: Signal,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
        stride: Pair,
        dilation: Pair,
        layer: str,
    ) -> Signal:
        """A convolution over time and bands: (kernel frames, kernel bands, in, out) weights."""
        if weights.shape[:2] == (1, 1) != stride:
            # What is left out is left out first: OpenVINO 2026.4 moves the stride of such a
            # convolution in front of a reshape, and then refuses its own graph.
            x, stride = self.pool(x, "max", (1, 1), stride, layer), (1, 1)
        if weights.shape[:2] == stride == (1, 1) and x.rows == 1 and not x.padding:
            tensor = self.linear(x.tensor, weights[0, 0], bias, layer)
            return replace(x, tensor=tensor, channels=len(bias))
        window, out = self._window(x, _reach(weights.shape, stride, dilation), layer)
        name = self._name(layer, "conv")
        op = Conv((window,), name, layer, weights, bias, x.rows, stride, dilation)
        return self._banded(op, out, len(bias))

    def depthwise(
        self,
        x: Signal,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
        stride: Pair,
        dilation: Pair,
        layer: str,
    ) -> Signal:
        """A convolution of each channel by itself: (…, channels, multiplier) weights."""
        window, out = self._window(x, _reach(weights.shape, stride, dilation), layer)
        name = self._name(layer, "depthwise")
        op = Depthwise((window,), name, layer, weights, bias, x.rows, stride, dilation)
        return self._banded(op, out, len(bias))

    def pool(
        self, x: Signal, kind: Literal["average", "max"], size: Pair, stride: Pair, layer: str
    ) -> Signal:
        """Average or maximum over `size` frames and bands."""
        window, out = self._window(x, _reach(size, stride, (1, 1)), layer)
        op = Pool((window,), self._name(layer, "pool"), layer, kind, size, stride, x.rows)
        return self._banded(op, out, x.depth)

    def _banded(self, op: Conv | Depthwise | Pool, out: Signal, depth: int) -> Signal:
        """Append an operation over bands, whose output has `depth` channels a band."""
        if op.bands_out < 1:
            raise ConversionError(f"layer '{op.layer}': {op.bands} bands are fewer than its kernel")
        channels = op.bands_out * depth
        tensor = self._add(op, (out.frames, channels))
        bands = op.bands_out if out.bands else 0
        return replace(out, tensor=tensor, channels=channels, bands=bands)

    def pad_bands(self, x: Signal, before: int, after: int, layer: str) -> Signal:
        """Bands of zeros below and above those of every frame."""
        if not before and not after:
            return x

        def zeros(bands: int) -> list[str]:
            value = np.zeros((x.frames, bands * x.depth), np.float32)
            return [self.constant(value, layer, "zeros")] if bands else []

        tensor = self.concat([*zeros(before), x.tensor, *zeros(after)], 1, layer, "padded")
        bands = before + x.rows + after
        return replace(x, tensor=tensor, bands=bands, channels=bands * x.depth)

    def _window(self, x: Signal, reach: Reach, layer: str) -> tuple[str, Signal]:
        """The frames that the outputs of this step look at, older ones from a ring buffer.

        Output i of a stride-s layer may look at any fixed place within the s new
        frames of its turn; the place is chosen so that outputs of the stream and
        of the whole sequence fall together.
        """
        if not x.sequence:
            raise ConversionError(f"layer '{layer}' needs a sequence, and time is already gone")
        if x.frames % reach.stride:
            raise ConversionError(
                f"layer '{layer}': its stride of {reach.stride} does not divide the {x.frames} "
                f"frames that reach it in one step"
            )
        if x.padding >= reach.size:
            raise ConversionError(
                f"layer '{layer}': {x.padding} frames of left padding are more than its window of "
                f"{reach.size} frames can take; pad by {reach.size - 1}"
            )
        # Without padding no output that means anything looks at frames before the delay.
        hold = self._hold(x, layer) if x.padding else 0
        # stream frames before the last one that the first whole output looks at
        ahead = x.delay - x.padding + reach.size - 1
        newest = ahead % reach.stride  # place of a window's last frame among its new frames
        out = replace(x, frames=x.frames // reach.stride, delay=ahead // reach.stride, padding=0)
        history = max(0, reach.size - 1 - newest)
        tensor = x.tensor
        if history:
            tensor = self._remember(x, history, hold, layer)
        skipped = max(0, newest - (reach.size - 1))
        used = (out.frames - 1) * reach.stride + reach.size
        return self.slice(tensor, 0, skipped, used, layer, "window"), out

    def _remember(self, x: Signal, history: int, hold: int, layer: str) -> str:
        """Put the last `history` frames of earlier steps before this step's frames."""
        shape = (history, x.channels)
        past = self.source(self._name(layer, "past"), shape)
        window = self.concat([past, x.tensor], 0, layer, "recent")
        following = self.slice(window, 0, x.frames, history, layer, "next")
        self.states.append(State(past, following, shape, layer, hold=hold))
        return window

    def _hold(self, x: Signal, layer: str) -> int:
        """Steps in which a state must not move, as nothing of the whole sequence came yet."""
        if x.delay % x.frames:
            raise ConversionError(
                f"layer '{layer}': the {x.delay} frames that layers before it drop at the start "
                f"are no whole number of steps of {x.frames}; use causal padding before it"
            )
        return x.delay // x.frames

    def recurrent_state(
        self, x: Signal, units: int, layer: str, what: str, given: Signal | None = None
    ) -> str:
        """The state of a recurrent cell; `close_state` says what follows it.

        Args:
            given: its initial value, where that comes from outside.
        """
        if given is None:
            return self.source(self._name(layer, what), (1, units))
        if (given.frames, given.channels) != (1, units):
            raise ConversionError(
                f"layer '{layer}' of {units} units cannot begin with '{given.tensor}', which is "
                f"no (batch, {units})"
            )
        if given.tensor in self._given:
            raise ConversionError(
                f"layer '{layer}' begins with '{given.tensor}', as another does; give each an "
                f"input of its own"
            )
        self._given.add(given.tensor)
        return given.tensor

    def close_state(
        self, x: Signal, before: str, after: str, layer: str, *, initial: float = 0.0,
        float_only: bool = False,
    ) -> None:  # fmt: skip
        """Say which tensor is the next value of a state."""
        shape = self.shapes[before]
        hold, given = self._hold(x, layer), before in self._given
        self.states.append(State(before, after, shape, layer, initial, hold, float_only, given))
