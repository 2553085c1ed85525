"""Windows that move over one axis or two: their steps, and what is put around a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from .node import Node
from .value import Value, last

if TYPE_CHECKING:
    from tensorflow import Tensor


@dataclass(frozen=True)
class Window:
    """Over rows and columns; what moves over one axis has one row."""

    sizes: tuple[int, ...]  # of what it moves over
    kernel: tuple[int, ...]  # elements
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]  # before and behind
    beyond: tuple[int, ...]  # more behind, where a size is rounded up; counted by no mean
    output: tuple[int, ...]  # rows and columns

    @property
    def spans(self) -> tuple[int, ...]:
        """What it covers, holes included."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    @property
    def around(self) -> tuple[tuple[int, int], ...]:
        """What is put before and behind, all together."""
        return tuple((b, e + more) for (b, e), more in zip(self.pads, self.beyond, strict=True))

    @property
    def is_same(self) -> bool:
        """Whether TensorFlow's "SAME" puts as much around the tensor."""
        return self.around == tuple(
            _halves(_lacking(size, stride, span), "SAME_UPPER")
            for size, stride, span in zip(self.sizes, self.strides, self.spans, strict=True)
        )


def window_of(
    node: Node, sizes: Sequence[int], kernel: Sequence[int], transposed: bool = False
) -> Window:
    """What a node says of its window.

    Args:
        sizes: of the axes over which it moves.
        kernel: of the window, along the same axes.
        transposed: whether it spreads what a convolution would gather.
    """
    axes = len(kernel)
    if axes > 2:
        raise node.refusal(f"moves over {axes} axes; one and two are known")
    strides = node.get("strides", (1,) * axes)
    dilations = node.get("dilations", (1,) * axes)
    moves = [_Move(*one) for one in zip(sizes, kernel, strides, dilations, strict=True)]
    ends = _spread(node, moves) if transposed else _gathered(node, moves)
    if min(end.output for end in ends) < 1:
        raise node.refusal("has a window that is larger than what it moves over")
    if axes == 1:  # what moves over one axis has one row
        moves, ends = [_Move(1, 1, 1, 1), *moves], [_End((0, 0), 0, 1), *ends]
    columns = ((*astuple(m), *astuple(end)) for m, end in zip(moves, ends, strict=True))
    return Window(*zip(*columns, strict=True))


@dataclass(frozen=True)
class _Move:
    """A window's way along one axis; fields as of `Window`."""

    size: int
    kernel: int
    stride: int
    dilation: int

    @property
    def span(self) -> int:
        return (self.kernel - 1) * self.dilation + 1


@dataclass(frozen=True)
class _End:
    """What an axis is padded by, and its size afterwards; fields as of `Window`."""

    pads: tuple[int, int]
    beyond: int
    output: int


def _pads(node: Node, axes: int) -> list[tuple[int, int]]:
    """The padding that a node names."""
    if node.get("auto_pad", "NOTSET") == "VALID":
        return [(0, 0)] * axes
    found = node.get("pads", (0,) * axes * 2)
    return [(int(found[i]), int(found[i + axes])) for i in range(axes)]


def _gathered(node: Node, moves: Sequence[_Move]) -> list[_End]:
    """Of a window that gathers, as a convolution's or a pooling's."""
    auto, up = node.get("auto_pad", "NOTSET"), bool(node.get("ceil_mode", 0))
    pads = _pads(node, len(moves))
    if auto.startswith("SAME"):
        pads = [_halves(_lacking(m.size, m.stride, m.span), auto) for m in moves]
    return [_end(move, around, up) for move, around in zip(moves, pads, strict=True)]


def _end(move: _Move, pads: tuple[int, int], up: bool) -> _End:
    """One axis; `up`: its size is rounded up."""
    room = move.size + sum(pads) - move.span
    output = (-(-room // move.stride) if up else room // move.stride) + 1
    if up and (output - 1) * move.stride >= move.size + pads[0]:
        output -= 1  # a window that would begin in what is put behind is none
    return _End(pads, max((output - 1) * move.stride - room, 0), output)


def _spread(node: Node, moves: Sequence[_Move]) -> list[_End]:
    """What is cut off around what a transposed window gives, and what remains."""
    more = node.get("output_padding", (0,) * len(moves))
    auto, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape")
    if auto.startswith("SAME") and not wanted:
        wanted = [m.size * m.stride for m in moves]
    whole = [(m.size - 1) * m.stride + m.span + extra for m, extra in zip(moves, more, strict=True)]
    if not wanted:
        pads = _pads(node, len(moves))
        return [_End(p, 0, w - sum(p)) for w, p in zip(whole, pads, strict=True)]
    auto = auto if auto == "SAME_UPPER" else "SAME_LOWER"  # as the specification has it
    return [
        _End(_halves(max(w - size, 0), auto), 0, int(size))
        for w, size in zip(whole, list(wanted)[-len(moves) :], strict=True)
    ]


def _lacking(size: int, stride: int, span: int) -> int:
    """What has to be put around for an element of output every stride."""
    return max((-(-size // stride) - 1) * stride + span - size, 0)


def _halves(whole: int, auto: str) -> tuple[int, int]:
    small, large = whole // 2, whole - whole // 2
    return (large, small) if auto == "SAME_LOWER" else (small, large)


def two_axes(node: Node, x: Value) -> Tensor:
    """(items, rows, columns, channels); what has one axis becomes one row."""
    if x.rank == 4:
        return x.channels_last
    return node.tf.expand_dims(x.channels_last, 1)


def padded(node: Node, x: Tensor, window: Window, mode: str = "CONSTANT") -> tuple[Tensor, str]:
    """A tensor with zeros around it, or as it is where "SAME" says the same.

    Args:
        x: (items, rows, columns, channels).
        mode: what is put there, as `tf.pad` calls it.

    Returns:
        the tensor, and TensorFlow's word for the padding that is left to do.
    """
    if window.is_same:
        return x, "SAME"
    return surrounded(node, x, window, mode), "VALID"


def surrounded(node: Node, x: Tensor, window: Window, mode: str = "CONSTANT") -> Tensor:
    """A tensor with zeros around it; arguments as `padded`."""
    if not any(map(sum, window.around)):
        return x
    return node.tf.pad(x, [(0, 0), *window.around, (0, 0)], mode)


def one_axis(node: Node, x: Tensor, rank: int) -> Value:
    """What `two_axes` made two of, as it was."""
    return Value(node.tf.squeeze(x, 1) if rank == 3 else x, last(rank))
