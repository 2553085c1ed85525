"""A tensor of an ONNX graph, and in which order its axes lie in TensorFlow.

ONNX has channels second, TFLite last. A transposition before and behind every
convolution would cost more than the convolutions of a small network, so that a
tensor stays as the last operator left it and says how it lies; it is moved
where an operator needs it otherwise, and not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgenets.arrays import Array
from edgenets.extras import require

Order = tuple[int, ...]


@dataclass(frozen=True)
class Grid:
    """The real numbers that eight-bit integers stand for."""

    scale: float
    zero: int


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor."""

    tensor: Any  # of TensorFlow; a NumPy array where it is the same whatever the model is given
    order: Order  # which of ONNX's axes each axis of the tensor is
    # What it was rounded to, where the file has integers and this the real numbers they stand for.
    grid: Grid | None = None

    @classmethod
    def plain(cls, tensor: Any) -> Value:
        """A tensor that lies as ONNX has it."""
        return cls(tensor, tuple(range(len(tensor.shape))))

    @property
    def is_constant(self) -> bool:
        """Whether it does not depend on what the model is given."""
        return isinstance(self.tensor, np.ndarray)

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.order)

    @property
    def shape(self) -> tuple[int, ...]:
        """As ONNX has it."""
        return tuple(int(self.tensor.shape[self.order.index(axis)]) for axis in range(self.rank))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its elements."""
        kind = self.tensor.dtype
        return kind if isinstance(kind, np.dtype) else np.dtype(kind.as_numpy_dtype)

    def place(self, axis: int) -> int:
        """Where one of ONNX's axes lies; negative ones count from ONNX's last."""
        return self.order.index(axis % self.rank)

    def lying(self, order: Sequence[int]) -> Any:
        """The tensor with its axes in another order."""
        if tuple(order) == self.order:
            return self.tensor
        moves = [self.order.index(axis) for axis in order]
        if self.is_constant:
            return np.ascontiguousarray(np.transpose(self.tensor, moves))
        tf = require("tensorflow")
        sizes = [int(d) for d in self.tensor.shape]
        long = [place for place in moves if sizes[place] > 1]
        if long == sorted(long):  # nothing in memory moves
            return tf.reshape(self.tensor, [sizes[place] for place in moves])
        return tf.transpose(self.tensor, moves)

    @property
    def as_onnx(self) -> Any:
        """The tensor with its axes as ONNX has them."""
        return self.lying(range(self.rank))

    @property
    def channels_last(self) -> Any:
        """The tensor with ONNX's second axis as its last."""
        return self.lying(last(self.rank))

    def of_rank(self, rank: int) -> Value:
        """With axes of one element before all others, as ONNX broadcasts."""
        more = rank - self.rank
        if not more:
            return self
        shape = (*(1,) * more, *(int(d) for d in self.tensor.shape))
        order = (*range(more), *(axis + more for axis in self.order))
        if self.is_constant:
            return Value(self.tensor.reshape(shape), order)
        return Value(require("tensorflow").reshape(self.tensor, shape), order)


def last(rank: int) -> Order:
    """Channels last, of a rank."""
    return (0, *range(2, rank), 1)


def common_order(values: Sequence[Value]) -> Order:
    """That in which the least has to be moved, of values of one rank."""

    def moved(order: Order) -> int:
        return sum(
            int(np.prod(v.tensor.shape)) for v in values if not v.is_constant and v.order != order
        )

    orders = [v.order for v in values if not v.is_constant] or [values[0].order]
    return min(orders, key=moved)


def together(values: Sequence[Value]) -> tuple[list[Any], Order]:
    """Tensors of one rank and one order, as an operator of elements needs them."""
    rank = max(v.rank for v in values)
    same = [v.of_rank(rank) for v in values]
    order = common_order(same)
    return [v.lying(order) for v in same], order


def whole_numbers(array: Array) -> list[int]:
    """What a constant of sizes, axes or paddings says."""
    return [int(n) for n in np.asarray(array).reshape(-1)]
