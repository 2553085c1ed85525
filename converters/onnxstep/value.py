"""A tensor of the walk: a signal of the step graph, and what the axes of the ONNX tensor are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.errors import ConversionError

from ..step.builder import Builder, Signal

if TYPE_CHECKING:
    from onnx import NodeProto

# Time, bands, channels of a band (or of a frame without bands), or an axis of one that is nothing.
Axis = Literal["T", "F", "C", "1"]

Constant: TypeAlias = Array


class NoStepForm(ConversionError):
    """A model has no step form, whatever its axes are taken for."""


@dataclass(frozen=True)
class Value:
    """A tensor that depends on the input."""

    signal: Signal
    axes: tuple[Axis, ...]  # of the ONNX tensor
    length: int  # of its axis of time, where the model is walked; 1 where that is gone
    # Frames at its end that look at padding behind the last frame; < 0: that were cut off there.
    ahead: int = 0
    # Where frames were flattened channels first: the place in a frame of each number of ONNX's.
    order: NDArray[np.intp] | None = field(default=None, compare=False)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the ONNX tensor."""
        of = {"T": self.length, "F": self.signal.rows, "1": 1}
        depth = self.signal.channels if "F" not in self.axes else self.signal.depth
        return tuple(depth if axis == "C" else of[axis] for axis in self.axes)

    def with_signal(self, signal: Signal) -> Value:
        """The same axes of another signal."""
        return replace(self, signal=signal)

    def with_tensor(self, tensor: str) -> Value:
        """Other values at the same places."""
        return replace(self, signal=replace(self.signal, tensor=tensor))


@dataclass(frozen=True)
class Node:
    """An operator, as a handler sees it."""

    proto: NodeProto
    name: str  # for messages, and as the layer of what it becomes
    values: list[Value | Constant | None]  # of its inputs; None: left out

    @property
    def kind(self) -> str:
        """The operator."""
        return self.proto.op_type

    def value(self, place: int = 0) -> Value:
        """An input that depends on the model's.

        Raises:
            ConversionError: it is constant.
        """
        found = self.values[place] if place < len(self.values) else None
        if not isinstance(found, Value):
            raise self.refusal("takes a constant where a step form needs the sequence")
        return found

    def constant(self, place: int) -> Constant | None:
        """An input that is constant; None: left out.

        Raises:
            ConversionError: it depends on the model's input.
        """
        found = self.values[place] if place < len(self.values) else None
        if isinstance(found, Value):
            raise self.refusal("computes with weights that depend on the input")
        return found

    def needed(self, place: int) -> Constant:
        """The same, where it is not left out."""
        found = self.constant(place)
        if found is None:
            raise self.refusal("lacks an input")
        return found

    def ints(self, name: str, default: list[int]) -> list[int]:
        """An attribute of several integers."""
        found = [list(a.ints) for a in self.proto.attribute if a.name == name]
        return found[0] if found else default

    def int(self, name: str, default: int) -> int:
        """An attribute of one integer."""
        found = [int(a.i) for a in self.proto.attribute if a.name == name]
        return found[0] if found else default

    def float(self, name: str, default: float) -> float:
        """An attribute of one number."""
        found = [float(a.f) for a in self.proto.attribute if a.name == name]
        return found[0] if found else default

    def text(self, name: str, default: str) -> str:
        """An attribute of text."""
        found = [a.s.decode() for a in self.proto.attribute if a.name == name]
        return found[0] if found else default

    def texts(self, name: str) -> list[str]:
        """An attribute of several texts."""
        return [s.decode() for a in self.proto.attribute if a.name == name for s in a.strings]

    def refusal(self, why: str) -> ConversionError:
        """Why it has no step form."""
        return ConversionError(f"'{self.name}' ({self.kind}) {why}")


def plain(b: Builder, value: Value, name: str) -> Value:
    """A value whose numbers stand in a frame as ONNX has them."""
    if value.order is None:
        return value
    turned = np.zeros((len(value.order), len(value.order)), np.float32)
    turned[value.order, np.arange(len(value.order))] = 1.0
    zero = np.zeros(len(value.order), np.float32)
    tensor = b.linear(value.signal.tensor, turned, zero, name, "turned")
    return replace(value.with_tensor(tensor), order=None)


def in_time(node: Node, value: Value) -> Value:
    """A sequence whose end is the last frame that came.

    Raises:
        ConversionError: it is none, or looks ahead.
    """
    if not value.signal.sequence:
        raise node.refusal("needs a sequence, and time is already gone")
    if value.ahead > 0:
        raise node.refusal(
            f"comes after padding of {value.ahead} frames behind the last one, which looks ahead "
            f"in time; pad on the left alone, or cut these frames off"
        )
    if value.ahead < 0:
        raise node.refusal(f"comes after {-value.ahead} frames were cut off at the end")
    return value


def gone(value: Value, signal: Signal, axes: tuple[Axis, ...]) -> Value:
    """A value without time: one vector, always the newest."""
    return Value(signal, axes, 1, order=value.order)
