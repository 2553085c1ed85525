"""Artifacts: one model in one format and precision, and the types of its tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from edgenets.quantization import Quantization

Format = Literal["tflite", "onnx", "openvino", "edgetpu"]
Precision = Literal["fp32", "fp16", "dynamic", "int8", "int16x8"]
DType = Literal["float32", "int8", "uint8", "int16", "int32", "int64"]

# What converters write; the rest is made of one of these by a processor's own compiler.
FORMATS: tuple[Format, ...] = ("tflite", "onnx", "openvino")
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_DTYPES: tuple[str, ...] = get_args(DType)

# No tensor of a compact network comes near this; a file that says so is broken or hostile.
LARGEST_TENSOR = 1 << 26  # elements

# An axis as long as what is given.
OPEN = -1

Part = Literal["", "encoder", "decoder"]
MOST_DIMENSIONS = 8

# What a state may begin at: a running maximum begins at the least number that float32 has.
LARGEST_INITIAL = 3.4028234663852886e38


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of an artifact."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    quantization: Quantization | None = None  # None: the values are what they say

    def __post_init__(self) -> None:
        if self.dtype not in _DTYPES:
            raise ValueError(
                f"tensor {self.name}: is of {self.dtype}; {', '.join(_DTYPES)} are known"
            )
        if len(self.shape) > MOST_DIMENSIONS:
            raise ValueError(f"tensor {self.name}: {len(self.shape)} dimensions are too many")
        if any(dimension < 1 and dimension != OPEN for dimension in self.shape):
            raise ValueError(f"tensor {self.name}: shape {list(self.shape)} is not positive")
        if self.elements > LARGEST_TENSOR:
            raise ValueError(f"tensor {self.name}: shape {list(self.shape)} is absurdly large")
        if self.quantization is not None and self.quantization.dtype != self.dtype:
            raise ValueError(f"tensor {self.name}: its type and its quantization's differ")

    @property
    def elements(self) -> int:
        """How many values it holds; of an open axis, in one place."""
        return math.prod(abs(dimension) for dimension in self.shape)

    @property
    def item(self) -> tuple[int, ...]:
        """The shape of one item in data: without the first axis where that is a batch of one."""
        return self.shape[1:] if self.shape[:1] == (1,) else self.shape

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether values have this shape, as long as they may be where it is open."""
        if OPEN not in self.shape:
            return shape == self.shape
        return len(shape) == len(self.shape) and all(
            own in (OPEN, found) and found > 0 for own, found in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True)
class StateLink:
    """An output that is the same stream's input in the next step."""

    input: TensorInfo
    output: TensorInfo
    initial: float = 0.0  # real value of every element after a reset
    hold: int = 0  # steps after a reset in which it keeps its initial value
    initial_input: bool = False  # given for every sequence; see `Session.reset`

    def __post_init__(self) -> None:
        if self.input.shape != self.output.shape or self.input.dtype != self.output.dtype:
            raise ValueError(f"state {self.input.name}: what goes in is not what comes out")
        if self.input.quantization != self.output.quantization:
            raise ValueError(f"state {self.input.name}: its scale changes from step to step")
        if not abs(self.initial) <= LARGEST_INITIAL:
            raise ValueError(f"state {self.input.name}: begins at {self.initial:g}")
        if not 0 <= self.hold <= 1 << 20:
            raise ValueError(f"state {self.input.name}: hold of {self.hold} steps")


@dataclass(frozen=True)
class Window:
    """How a model that takes a whole window is fed by a stream; see `edgenets.windowed`."""

    frames: int  # that the model sees
    step: int  # newest of them, that one step brings
    # The last frames, with fill before them until there are enough; or the first ones, with fill
    # after them, and nothing of what comes later.
    holds: Literal["last", "first"] = "last"
    fill: float = 0.0  # what stands where no frame is yet
    turned: bool = False  # the model takes (numbers, frames)
    tokens: bool = False  # what is pushed are numbers of tokens, whatever type the model takes

    def __post_init__(self) -> None:
        if not 1 <= self.step <= self.frames <= LARGEST_TENSOR:
            raise ValueError("a step brings 1 frame or more, and no more than the window holds")
        if not abs(self.fill) <= LARGEST_INITIAL:
            raise ValueError(f"a window is filled with {self.fill:g}")

    def width_in(self, shape: tuple[int, ...]) -> int:
        """Numbers a frame of an input of this shape.

        Raises:
            ValueError: the window does not fill it.
        """
        elements = math.prod(shape)
        if elements % self.frames:
            raise ValueError(f"{list(shape)} holds no {self.frames} frames")
        return elements // self.frames


@dataclass(frozen=True)
class Artifact:
    """One file, or the files, that a backend loads."""

    format: Format
    precision: Precision
    files: tuple[str, ...]  # names; the first is the one to open
    inputs: tuple[TensorInfo, ...]  # without the states
    outputs: tuple[TensorInfo, ...]  # without the states
    states: tuple[StateLink, ...] = ()
    internal_state: bool = False  # a third-party model that keeps state inside itself
    note: str = ""  # what a person should know about it
    # What is given once a sequence and stays through its steps; an axis may be OPEN.
    sequence_inputs: tuple[TensorInfo, ...] = ()
    part: Part = ""  # which network of its model it is, where that is made of several
    # SHA-256 of the artifact's file that a compiler made this one of; nothing: it was none.
    compiled_from: str = ""
    # Of a model that takes a whole window, and is run step by step.
    window: Window | None = None

    def __post_init__(self) -> None:
        if not self.files or not self.inputs or not self.outputs:
            raise ValueError("an artifact has files, inputs and outputs")
        if (self.format in FORMATS) == bool(self.compiled_from):
            raise ValueError(f"{self.id}: is compiled from something, or written by a converter")
        every = [*self.inputs, *self.outputs, *(link.input for link in self.states)]
        if self.window is not None:
            self._check_window(self.window)
        if any(OPEN in info.shape for info in every):
            raise ValueError("only what is given once a sequence may be of any length")
        if sum(link.input.elements for link in self.states) > LARGEST_TENSOR:
            raise ValueError("the states are absurdly large")

    def _check_window(self, window: Window) -> None:
        if len(self.inputs) != 1 or self.states or self.sequence_inputs:
            raise ValueError(f"{self.id}: a window is of one input, without states")
        window.width_in(self.inputs[0].shape)
        # One answer a window.
        if any(o.elements != o.shape[-1] for o in self.outputs):
            raise ValueError(f"{self.id}: gives more than one answer for a window")

    @property
    def id(self) -> str:
        """Its short name, such as `tflite-int8`, or `tflite-int8-encoder`."""
        return id_of(self.format, self.precision, self.part)

    @property
    def form(self) -> str:
        """The name that the networks of one model have in common, such as `tflite-int8`."""
        return id_of(self.format, self.precision)


def id_of(format: str, precision: str, part: str = "") -> str:
    """The short name of an artifact."""
    return "-".join(filter(None, (format, precision, part)))
