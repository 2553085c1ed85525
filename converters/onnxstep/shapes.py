"""Operators that move axes, and those that take a stretch of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgenets.artifact import OPEN

from ..step.builder import Builder
from .value import Axis, Node, NoStepForm, Value, gone, in_time, plain

Handler = Callable[[Builder, Node], Value | list[Value]]


def same(b: Builder, node: Node) -> Value:
    """An operator that does nothing at inference."""
    return node.value()


def transpose(b: Builder, node: Node) -> Value:
    """Axes in another order."""
    x = node.value()
    order = node.ints("perm", list(range(len(x.axes)))[::-1])
    return replace(x, axes=tuple(x.axes[i] for i in order))


def squeeze(b: Builder, node: Node) -> Value:
    """Axes of one, left out."""
    x = node.value()
    given = node.constant(1)
    axes = node.ints("axes", []) if given is None else [int(a) for a in given.ravel()]
    left = {a % len(x.axes) for a in axes} or {i for i, size in enumerate(x.sizes) if size == 1}
    if any(x.sizes[i] != 1 for i in left):
        raise node.refusal("squeezes an axis that is longer than one")
    return _of_axes(x, tuple(axis for i, axis in enumerate(x.axes) if i not in left), node)


def unsqueeze(b: Builder, node: Node) -> Value:
    """Axes of one, put in."""
    x = node.value()
    given = node.constant(1)
    axes = node.ints("axes", []) if given is None else [int(a) for a in given.ravel()]
    rank = len(x.axes) + len(axes)
    new = {a % rank for a in axes}
    rest = iter(x.axes)
    return replace(x, axes=tuple("1" if i in new else next(rest) for i in range(rank)))


def reshape(b: Builder, node: Node) -> Value:
    """Other axes for the same numbers, frame by frame."""
    x, wanted = node.value(), [int(d) for d in node.needed(1).ravel()]
    sizes = [x.sizes[i] if d == 0 else d for i, d in enumerate(wanted)]
    return _reshaped(b, node, x, sizes)


def flatten(b: Builder, node: Node) -> Value:
    """All axes from one on as one."""
    x = node.value()
    first = node.int("axis", 1) % (len(x.axes) + 1)
    ahead = int(np.prod(x.sizes[:first], dtype=int))
    return _reshaped(b, node, x, [ahead, OPEN])


def _reshaped(b: Builder, node: Node, x: Value, sizes: Sequence[int]) -> Value:
    total = int(np.prod(x.sizes, dtype=int))
    known = int(np.prod([d for d in sizes if d != OPEN], dtype=int))
    sizes = [total // known if d == OPEN else d for d in sizes]
    waiting = [(axis, size) for axis, size in zip(x.axes, x.sizes, strict=True) if size != 1]
    found: list[Axis] = []
    for size in sizes:
        x, axis = _axis_of(node, x, waiting, size)
        found.append(axis)
    return _of_axes(x, tuple(found), node)


def _axis_of(
    node: Node, x: Value, waiting: list[tuple[Axis, int]], size: int
) -> tuple[Value, Axis]:
    """What an axis of a size is, of those that are left, and the value that has it."""
    group = _taken(waiting, size)
    product = math.prod(length for _, length in group)
    kinds = [axis for axis, _ in group]
    if product == size:
        if len(kinds) > 1:
            return _merged(node, x, kinds), "C"
        return x, kinds[0] if kinds else "1"
    if kinds != ["C"] or product % size:
        raise node.refusal(f"reshapes {list(x.sizes)} across frames")
    # Channels become bands, and what is left of them channels.
    waiting.insert(0, ("C", product // size))
    return _parted(node, x, size), "F"


def _taken(waiting: list[tuple[Axis, int]], size: int) -> list[tuple[Axis, int]]:
    """The axes that come to a size, taken off the list."""
    group: list[tuple[Axis, int]] = []
    product = 1
    while product < size and waiting:
        group.append(waiting.pop(0))
        product *= group[-1][1]
    return group


def _parted(node: Node, x: Value, bands: int) -> Value:
    if x.order is not None or "F" in x.axes:
        raise node.refusal("divides channels that were flattened in another order")
    return x.with_signal(replace(x.signal, bands=bands, rank=4))


def _merged(node: Node, x: Value, group: Sequence[Axis]) -> Value:
    """Bands and channels as one axis."""
    if sorted(group) != ["C", "F"]:
        raise node.refusal("puts time and channels into one axis, which no stream has")
    rows, depth = x.signal.rows, x.signal.depth
    order = None
    if list(group) == ["C", "F"]:  # channels first: number c · bands + f is at f · depth + c
        order = np.arange(rows * depth).reshape(rows, depth).T.ravel()
    return replace(x, signal=replace(x.signal, bands=0, rank=3), order=order)


def _of_axes(x: Value, axes: tuple[Axis, ...], node: Node) -> Value:
    """A value of other axes: bands of one channel each are the channels of a frame."""
    if x.length == 1 and "T" in x.axes and "T" not in axes and x.signal.sequence:
        raise _apart(node)
    if "F" not in axes:
        axes = _with_channels(axes)
        signal = replace(x.signal, bands=0, rank=3) if x.signal.bands == 1 else x.signal
        return replace(x, signal=signal, axes=axes)
    if "C" in axes:
        return replace(x, axes=axes)
    axes = tuple("C" if axis == "F" else axis for axis in axes)
    return replace(x, signal=replace(x.signal, bands=0, rank=3), axes=axes)


def _with_channels(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Axes of frames: where there is one channel, an axis of one stands for it."""
    if "C" in axes or "1" not in axes or "T" not in axes:
        return axes
    last = len(axes) - 1 - axes[::-1].index("1")
    return (*axes[:last], "C", *axes[last + 1 :])


@dataclass(frozen=True)
class _Part:
    """A stretch of an axis."""

    axis: int
    start: int
    count: int
    alone: bool = False  # the axis itself goes


def gather(b: Builder, node: Node) -> Value:
    """One place of an axis; or the rows of a table that tokens stand for."""
    if isinstance(node.values[0], np.ndarray):
        return _embedding(b, node)
    x, at = node.value(), node.needed(1)
    axis = node.int("axis", 0) % len(x.axes)
    if at.size != 1:
        raise node.refusal("takes several places of an axis by a list")
    place = int(at.ravel()[0]) % x.sizes[axis]
    return _stretch(b, node, x, _Part(axis, place, 1, alone=at.ndim == 0))


def _embedding(b: Builder, node: Node) -> Value:
    table, x = node.needed(0), node.value(1)
    if not x.signal.tokens or node.int("axis", 0) != 0 or table.ndim != 2:
        raise node.refusal("reads a table by numbers that are no tokens of the input")
    tensor = b.lookup(x.signal.tensor, table.astype(np.float32), node.name)
    signal = replace(x.signal, tensor=tensor, channels=table.shape[1], rank=3, tokens=False)
    axes: tuple[Axis, ...] = (*("1" if axis == "C" else axis for axis in x.axes), "C")
    return Value(signal, axes, x.length)


def slices(b: Builder, node: Node) -> Value:
    """A stretch of each axis."""
    x = node.value()
    if node.ints("starts", []):  # before opset 10
        starts, ends = node.ints("starts", []), node.ints("ends", [])
        axes, steps = node.ints("axes", list(range(len(starts)))), [1] * len(starts)
    else:
        starts, ends = (node.needed(i).ravel().tolist() for i in (1, 2))
        chosen, by = node.constant(3), node.constant(4)
        axes = list(range(len(starts))) if chosen is None else chosen.ravel().tolist()
        steps = [1] * len(starts) if by is None else by.ravel().tolist()
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = x.sizes[axis]
        begin, stop, stride = slice(int(start), int(end), int(step)).indices(size)
        if stride != 1:
            raise node.refusal(f"takes every {stride}th place of an axis")
        if (begin, stop) != (0, size):
            x = _stretch(b, node, x, _Part(axis % len(x.axes), begin, stop - begin))
    return x


def split(b: Builder, node: Node) -> list[Value]:
    """An axis in parts."""
    x = node.value()
    axis = node.int("axis", 0) % len(x.axes)
    given = node.constant(1)
    count, size = len(node.proto.output), x.sizes[axis]
    parts = node.ints("split", []) if given is None else [int(n) for n in given.ravel()]
    parts = parts or [size // count] * count
    if x.axes[axis] == "T" and len(parts) == size > 1:
        raise _apart(node)
    starts = np.cumsum([0, *parts[:-1]]).tolist()
    return [
        _stretch(b, node, x, _Part(axis, start, part))
        for start, part in zip(starts, parts, strict=True)
    ]


def _apart(node: Node) -> NoStepForm:
    return NoStepForm(
        f"'{node.name}' ({node.kind}) takes time apart frame by frame: the exporter unrolled a "
        f"recurrent layer. GRU and LSTM stay whole; an RNN does in torch.onnx.export(…, "
        f"dynamo=False)"
    )


def _stretch(b: Builder, node: Node, x: Value, part: _Part) -> Value:
    kind, size = x.axes[part.axis], x.sizes[part.axis]
    if kind == "T":
        x = _in_time(b, node, x, part.start, part.count)
    elif kind == "C" and "F" not in x.axes:
        x = plain(b, x, node.name)
        x = _cut(b, node, x, part, 1)
    elif kind == "F":
        x = _cut(b, node, x, part, x.signal.depth)
    elif part.count != size:
        raise node.refusal("takes some channels of every band")
    if not part.alone:
        return x
    return _of_axes(x, tuple(a for i, a in enumerate(x.axes) if i != part.axis), node)


def _cut(b: Builder, node: Node, x: Value, part: _Part, depth: int) -> Value:
    """Some channels, or some bands of so many channels."""
    start, count = part.start * depth, part.count * depth
    tensor = b.slice(x.signal.tensor, 1, start, count, node.name)
    bands = part.count if "F" in x.axes else 0
    return x.with_signal(replace(x.signal, tensor=tensor, channels=count, bands=bands))


def _in_time(b: Builder, node: Node, x: Value, start: int, count: int) -> Value:
    """Some frames: the last one, or all but the first or the last ones."""
    cut = x.length - start - count
    if count == 1 and not cut and x.length > 1:
        x = in_time(node, x)
        signal = x.signal
        tensor = b.slice(signal.tensor, 0, signal.frames - 1, 1, node.name, "last")
        ended = replace(
            signal, tensor=tensor, frames=1, delay=signal.delay // signal.frames, sequence=False
        )
        return gone(x, ended, tuple("1" if axis == "T" else axis for axis in x.axes))
    taken = min(start, x.signal.padding)
    delay = x.signal.delay + start - taken
    signal = replace(x.signal, padding=x.signal.padding - taken, delay=delay)
    return replace(x, signal=signal, length=count, ahead=x.ahead - cut)


def pad(b: Builder, node: Node) -> Value:
    """Zeros on the left of time, and around bands."""
    x, given = node.value(), node.constant(1)
    pads = node.ints("pads", []) if given is None else [int(n) for n in given.ravel()]
    chosen, value = node.constant(3), node.constant(2)
    axes = list(range(len(x.axes))) if chosen is None else [int(a) for a in chosen.ravel()]
    filled = node.float("value", 0.0) if value is None else float(value.ravel()[0])
    if node.text("mode", "constant") != "constant" or filled:
        raise node.refusal("pads with something else than zeros")
    for place, axis in enumerate(axes):
        x = _padded(b, node, x, axis % len(x.axes), (pads[place], pads[place + len(axes)]))
    return x


def _padded(b: Builder, node: Node, x: Value, axis: int, ends: tuple[int, int]) -> Value:
    if ends == (0, 0):
        return x
    if x.axes[axis] == "T":
        return padded_in_time(x, *ends)
    if x.axes[axis] == "F":
        return x.with_signal(b.pad_bands(x.signal, *ends, node.name))
    raise node.refusal("pads channels")


def padded_in_time(x: Value, before: int, after: int) -> Value:
    """Frames of zeros on both sides."""
    signal = replace(x.signal, padding=x.signal.padding + before)
    return replace(x, signal=signal, length=x.length + before + after, ahead=x.ahead + after)


def concat(b: Builder, node: Node) -> Value:
    """Values one after another along an axis; in time, after zeros alone."""
    values = [v for v in node.values if isinstance(v, Value)]
    axis = node.int("axis", 0) % len(values[0].axes)
    kind = values[0].axes[axis]
    if kind == "T":
        return _after_zeros(node, axis)
    if len(values) != len(node.values):
        raise node.refusal("joins a sequence with a constant")
    together(node, values)
    if kind == "1":  # side by side, as bands
        values = [_one_band(node, v, axis) for v in values]
    return _side_by_side(b, node, [plain(b, v, node.name) for v in values], kind == "C")


def _side_by_side(b: Builder, node: Node, values: list[Value], by_channels: bool) -> Value:
    first = values[0]
    parts = _band_by_band(b, node, values) if by_channels else [v.signal.tensor for v in values]
    channels = sum(v.signal.channels for v in values)
    bands = first.signal.bands if by_channels else sum(v.signal.bands for v in values)
    tensor = b.concat(parts, 1, node.name)
    return replace(
        first, signal=replace(first.signal, tensor=tensor, channels=channels, bands=bands)
    )


def _one_band(node: Node, x: Value, axis: int) -> Value:
    """A frame as the one band that it has, along an axis of one."""
    if "F" in x.axes or "C" not in x.axes:
        raise node.refusal("joins bands along an axis of one")
    axes = (*x.axes[:axis], "F", *x.axes[axis + 1 :])
    return replace(x, signal=replace(x.signal, bands=1, rank=4), axes=axes)


def _band_by_band(b: Builder, node: Node, values: Sequence[Value]) -> list[str]:
    """The channels of each band, one value after another."""
    return [
        b.slice(v.signal.tensor, 1, band * v.signal.depth, v.signal.depth, node.name)
        for band in range(values[0].signal.rows)
        for v in values
    ]


def _after_zeros(node: Node, axis: int) -> Value:
    """A sequence with zeros before it, as a causal convolution is padded by hand."""
    *before, last = node.values
    if not isinstance(last, Value) or not all(
        isinstance(v, np.ndarray) and not v.any() for v in before
    ):
        raise node.refusal("joins sequences in time; zeros before one are all that a stream has")
    count = sum(v.shape[axis] for v in before if isinstance(v, np.ndarray))
    return padded_in_time(last, count, 0)


def together(node: Node, values: Sequence[Value]) -> None:
    """Refuse values that are not in step with each other, or lie otherwise."""
    first = values[0]
    for other in values[1:]:
        mine, its = first.signal, other.signal
        places = [(s.frames, s.delay, s.sequence, s.padding) for s in (mine, its)]
        if places[0] != places[1] or first.ahead != other.ahead:
            raise node.refusal(
                f"joins branches that are not in step with each other ({mine.delay} and "
                f"{its.delay} frames late); pad all of them on the left"
            )


HANDLERS: dict[str, Handler] = {
    "Cast": same,
    "Concat": concat,
    "Dropout": same,
    "Flatten": flatten,
    "Gather": gather,
    "Identity": same,
    "Pad": pad,
    "Reshape": reshape,
    "Slice": slices,
    "Split": split,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
