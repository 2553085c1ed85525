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
    def is_bare(self) -> bool:
        """Whether nothing is put around the tensor."""
        return not any(map(sum, self.pads)) and not any(self.beyond)

    def is_same(self, sizes: Sequence[int]) -> bool:
        """Whether TensorFlow's "SAME" puts as much around a tensor of rows and columns."""
        for size, stride, span, (before, behind), more in zip(
            sizes, self.strides, self.spans, self.pads, self.beyond, strict=True
        ):
            whole = max((-(-size // stride) - 1) * stride + span - size, 0)
            if (before, behind + more) != (whole // 2, whole - whole // 2):
                return False
        return True


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
            wholes = [
                max((-(-n // s) - 1) * s + span - n, 0)
                for n, s, span in zip(sizes, strides, spans, strict=True)
            ]
            pads = [_halves(whole, auto) for whole in wholes]
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
    if axes == 1:
        return Window(
            (1, *kernel), (1, *strides), (1, *dilations), ((0, 0), *pads), (0, *beyond),
            (1, *output),
        )  # fmt: skip
    return Window(tuple(kernel), strides, dilations, tuple(pads), tuple(beyond), tuple(output))


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
    if window.is_bare:
        return x, "VALID"
    if window.is_same([int(d) for d in x.shape[1:3]]):
        return x, "SAME"
    around = [
        (before, behind + more)
        for (before, behind), more in zip(window.pads, window.beyond, strict=True)
    ]
    return node.tf.pad(x, [(0, 0), *around, (0, 0)], mode), "VALID"


def one_axis(node: Node, x: Any, rank: int) -> Value:
    """What `two_axes` made two of, as it was."""
    return Value(node.tf.squeeze(x, 1) if rank == 3 else x, last(rank))
