"""An operator of an ONNX graph as what does it sees it, and the table of all that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgenets.arrays import Array
from edgenets.errors import ConversionError
from edgenets.extras import require

from .value import Value, whole_numbers

Result = Value | Sequence[Value]

# (node) → what it gives.
Operator = Callable[["Node"], Result]

OPERATORS: dict[str, Operator] = {}


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Make a function what does these operators of ONNX."""

    def known(function: Operator) -> Operator:
        for name in names:
            OPERATORS[name] = function
        return function

    return known


@dataclass(frozen=True)
class Node:
    """An operator, with what it is given."""

    op: str
    name: str  # its own, or that of its first output
    attributes: Mapping[str, Any]  # numbers, strings, lists of them, NumPy arrays, graphs
    inputs: tuple[Value | None, ...]  # nothing where an optional one is left out
    outputs: int
    opset: int

    @property
    def tf(self) -> Any:
        """TensorFlow."""
        return require("tensorflow")

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.attributes.get(name, default)

    def has(self, index: int) -> bool:
        """Whether an input is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def value(self, index: int = 0) -> Value:
        """An input."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise self.refusal(f"lacks input {index + 1}")
        return value

    def values(self) -> list[Value]:
        """Every input, none of which may be left out."""
        return [self.value(index) for index in range(len(self.inputs))]

    def constant(self, index: int) -> Array:
        """An input that has to be known before anything is run."""
        value = self.value(index)
        if not value.is_constant:
            raise self.refusal(f"computes its input {index + 1} as it runs; it has to be fixed")
        array: Array = value.as_onnx
        return array

    def numbers(self, name: str, index: int | None = None) -> list[int] | None:
        """Sizes, axes or the like: an attribute in older opsets, an input in newer ones."""
        if name in self.attributes:
            found = self.attributes[name]
            return [int(found)] if isinstance(found, int) else [int(n) for n in found]
        if index is not None and self.has(index):
            return whole_numbers(self.constant(index))
        return None

    def refusal(self, why: str) -> ConversionError:
        """That it cannot be done."""
        return ConversionError(f"operator {self.op} ('{self.name}') {why}")

    def otherwise(self, op: str, inputs: Sequence[Value | None], **attributes: Any) -> Value:
        """What another operator gives in its place."""
        made = OPERATORS[op](Node(op, self.name, attributes, tuple(inputs), 1, self.opset))
        return made if isinstance(made, Value) else made[0]
