"""The step graph: what one step of a recurrent or causal network computes.

Every tensor is (frames, channels) for one stream. Where a network convolves over bands
as well as time, a frame's channels are those of its bands, one band after another.
A step takes the newest frames and the state, and gives scores and the next state.
The graph is small on purpose: what Keras calls two hundred layers are these twelve
operations, each of which every format has. Converters write it out; `reference`
runs it.

What a decoder attends to is `held`: it is given once a sequence, and is as long as
the sentence that it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int]  # (frames, channels); one of them may be `artifact.OPEN`
Pair = tuple[int, int]  # over frames, over bands
Weights = NDArray[np.float32]
Fused = Literal["none", "relu", "relu6"]
Axis = Literal[0, 1]  # frames, channels
InputType = Literal["float32", "int32"]  # features, or numbers of tokens

ACTIVATIONS = (
    "relu", "relu6", "sigmoid", "tanh", "softmax", "elu", "leaky_relu", "exponential",
    "log",
)  # fmt: skip


def steps(length: int, kernel: int, stride: int, dilation: int = 1) -> int:
    """Places that a kernel has in a length without padding."""
    return (length - (kernel - 1) * dilation - 1) // stride + 1


@dataclass(frozen=True, eq=False)
class Op:
    """One operation: tensors in by name, one tensor out."""

    weighted: ClassVar[bool] = False

    inputs: tuple[str, ...]
    output: str
    layer: str  # the Keras layer that it comes from


@dataclass(frozen=True, eq=False)
class Lookup(Op):
    """output = table[input], frame by frame: what each token stands for.

    The input is the graph's own, (frames, 1) int32 in 0…tokens − 1.
    """

    table: Weights  # (tokens, channels)


@dataclass(frozen=True, eq=False)
class Linear(Op):
    """output = input @ weights + bias, frame by frame."""

    weighted: ClassVar[bool] = True

    weights: Weights  # (channels in, channels out)
    bias: Weights  # (channels out,)
    fused: Fused = "none"


@dataclass(frozen=True, eq=False)
class Conv(Op):
    """Convolution over frames and bands, without padding."""

    weighted: ClassVar[bool] = True

    weights: Weights  # (kernel frames, kernel bands, channels of a band in, out)
    bias: Weights  # (channels of a band out,)
    bands: int = 1  # of the input
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    fused: Fused = "none"

    @property
    def bands_out(self) -> int:
        """Bands of the output."""
        return steps(self.bands, self.weights.shape[1], self.stride[1], self.dilation[1])


@dataclass(frozen=True, eq=False)
class Depthwise(Op):
    """Convolution over frames and bands of each channel by itself, without padding.

    With a kernel of 1 × 1 it is a scale and an offset a channel.
    """

    weighted: ClassVar[bool] = True

    weights: Weights  # (kernel frames, kernel bands, channels of a band, multiplier)
    bias: Weights  # (channels of a band · multiplier,)
    bands: int = 1  # of the input
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    fused: Fused = "none"

    @property
    def bands_out(self) -> int:
        """Bands of the output."""
        return steps(self.bands, self.weights.shape[1], self.stride[1], self.dilation[1])


@dataclass(frozen=True, eq=False)
class Product(Op):
    """The matrix product of two tensors, a and b; or of a and b turned, `a @ b.T`."""

    turned: bool


@dataclass(frozen=True, eq=False)
class Binary(Op):
    """Element by element; a one-frame or one-channel input is broadcast."""

    kind: Literal["add", "sub", "mul", "div", "max"]


@dataclass(frozen=True, eq=False)
class Activation(Op):
    """A function of each element (softmax: of each frame)."""

    kind: str  # one of ACTIVATIONS
    alpha: float = 0.0  # slope below zero of leaky_relu


@dataclass(frozen=True, eq=False)
class Concat(Op):
    """Tensors one after another along an axis."""

    axis: Axis


@dataclass(frozen=True, eq=False)
class Slice(Op):
    """A stretch of an axis."""

    axis: Axis
    start: int
    size: int


@dataclass(frozen=True, eq=False)
class Pool(Op):
    """Average or maximum over stretches of frames and bands, without padding."""

    kind: Literal["average", "max"]
    size: Pair
    stride: Pair
    bands: int = 1  # of the input

    @property
    def bands_out(self) -> int:
        """Bands of the output."""
        return steps(self.bands, self.size[1], self.stride[1])


@dataclass(frozen=True, eq=False)
class Requantize(Op):
    """The same values with a quantization of their own; nothing at all in float."""


@dataclass(frozen=True, eq=False)
class Constant(Op):
    """A tensor that never changes; it has no inputs."""

    value: Weights  # (frames, channels)


@dataclass(frozen=True)
class State:
    """A tensor that a step hands to the next one."""

    input: str
    output: str
    shape: Shape
    layer: str
    initial: float = 0.0  # every element's value after a reset
    hold: int = 0  # steps after a reset in which it keeps its initial value
    float_only: bool = False  # never quantized: a sum or a count has no bounded range
    initial_input: bool = False  # its initial value comes from outside, one for each sequence


@dataclass(frozen=True)
class StepGraph:
    """A step model, before it is written in any format."""

    name: str
    input: str
    outputs: tuple[tuple[str, str], ...]  # what each is called outside, and its tensor
    frames: int  # frames that a step takes
    ops: tuple[Op, ...]  # in an order in which they can run
    shapes: dict[str, Shape]  # of every tensor
    states: tuple[State, ...] = ()
    warmup: int = 0  # steps after a reset whose output means nothing yet
    input_type: InputType = "float32"
    sequence_inputs: tuple[str, ...] = ()  # tensors that are given once a sequence
    # Layers that stay float in integer precisions.
    float_layers: frozenset[str] = field(default_factory=frozenset)
    # Whether integer weights have a scale for each output channel, or one for all of them.
    per_channel: bool = True

    @property
    def sources(self) -> tuple[str, ...]:
        """Tensors that come from outside: the input, then the states, then what is held."""
        return (self.input, *(s.input for s in self.states), *self.sequence_inputs)

    @property
    def output(self) -> str:
        """The tensor of the first output."""
        return self.outputs[0][1]

    @property
    def results(self) -> tuple[str, ...]:
        """Tensors that go outside: the outputs, then the next states."""
        return (*(tensor for _, tensor in self.outputs), *(s.output for s in self.states))

    def consumers(self) -> dict[str, list[Op]]:
        """Which operations take a tensor; the graph's results have none beyond these."""
        found: dict[str, list[Op]] = {name: [] for name in self.shapes}
        for op in self.ops:
            for name in op.inputs:
                found[name].append(op)
        return found

    def parameters(self) -> int:
        """Weights and biases, counted."""
        tables = sum(op.table.size for op in self.ops if isinstance(op, Lookup))
        return tables + sum(
            op.weights.size + op.bias.size  # type: ignore[attr-defined]
            for op in self.ops
            if op.weighted
        )
