"""Windows that move over one axis or two: their steps, and what is put around a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .node import Node
from .value import Value, last


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
    ones, noughts = (1,) * axes, (0,) * axes
    strides = tuple(node.get("strides", ones))
    dilations = tuple(node.get("dilations", ones))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    auto, found = node.get("auto_pad", "NOTSET"), node.get("pads", noughts * 2)
    pads = [(int(found[i]), int(found[i + axes])) for i in range(axes)]
    if auto == "VALID":
        pads = [(0, 0)] * axes
    if transposed:
        pads, output = _spread(node, sizes, strides, spans, pads)
        beyond = list(noughts)
    else:
        if auto.startswith("SAME"):
            pads = [
                _halves(_lacking(n, s, span), auto)
                for n, s, span in zip(sizes, strides, spans, strict=True)
            ]
        room = [n + sum(p) - span for n, p, span in zip(sizes, pads, spans, strict=True)]
        up = node.get("ceil_mode", 0)
        output = [(-(-r // s) if up else r // s) + 1 for r, s in zip(room, strides, strict=True)]
        if up:  # a window that would begin in what is put behind is none
            for axis, (n, s, p) in enumerate(zip(sizes, strides, pads, strict=True)):
                if (output[axis] - 1) * s >= n + p[0]:
                    output[axis] -= 1
        beyond = [
            max((count - 1) * s - r, 0) for count, s, r in zip(output, strides, room, strict=True)
        ]
    if min(output) < 1:
        raise node.refusal("has a window that is larger than what it moves over")
    one = (1,) * (2 - axes)  # what moves over one axis has one row
    return Window(
        (*one, *sizes), (*one, *kernel), (*one, *strides), (*one, *dilations),
        (*((0, 0) for _ in one), *pads), (*(0 for _ in one), *beyond), (*one, *output),
    )  # fmt: skip


def _spread(
    node: Node, sizes: Sequence[int], strides: Sequence[int], spans: Sequence[int],
    pads: list[tuple[int, int]],
) -> tuple[list[tuple[int, int]], list[int]]:  # fmt: skip
    """What is cut off around what a transposed window gives, and what remains."""
    more = node.get("output_padding", (0,) * len(sizes))
    auto, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape")
    if auto.startswith("SAME") and not wanted:
        wanted = [n * s for n, s in zip(sizes, strides, strict=True)]
    whole = [
        (n - 1) * s + span + m for n, s, span, m in zip(sizes, strides, spans, more, strict=True)
    ]
    if wanted:
        wanted = list(wanted)[-len(sizes) :]
        auto = auto if auto == "SAME_UPPER" else "SAME_LOWER"  # as the specification has it
        pads = [_halves(max(w - size, 0), auto) for w, size in zip(whole, wanted, strict=True)]
        return pads, [int(size) for size in wanted]
    return pads, [w - sum(p) for w, p in zip(whole, pads, strict=True)]


def _lacking(size: int, stride: int, span: int) -> int:
    """What has to be put around for an element of output every stride."""
    return max((-(-size // stride) - 1) * stride + span - size, 0)


def _halves(whole: int, auto: str) -> tuple[int, int]:
    small, large = whole // 2, whole - whole // 2
    return (large, small) if auto == "SAME_LOWER" else (small, large)


def two_axes(node: Node, x: Value) -> Any:
    """(items, rows, columns, channels); what has one axis becomes one row."""
    if x.rank == 4:
        return x.channels_last
    return node.tf.expand_dims(x.channels_last, 1)


def padded(node: Node, x: Any, window: Window, mode: str = "CONSTANT") -> tuple[Any, str]:
    """A tensor with noughts around it, or as it is where "SAME" says the same.

    Args:
        x: (items, rows, columns, channels).
        mode: what is put there, as `tf.pad` calls it.

    Returns:
        the tensor, and TensorFlow's word for the padding that is left to do.
    """
    if window.is_same:
        return x, "SAME"
    return surrounded(node, x, window, mode), "VALID"


def surrounded(node: Node, x: Any, window: Window, mode: str = "CONSTANT") -> Any:
    """A tensor with noughts around it; arguments as `padded`."""
    if not any(map(sum, window.around)):
        return x
    return node.tf.pad(x, [(0, 0), *window.around, (0, 0)], mode)


def one_axis(node: Node, x: Any, rank: int) -> Value:
    """What `two_axes` made two of, as it was."""
    return Value(node.tf.squeeze(x, 1) if rank == 3 else x, last(rank))
