"""What moves, divides and joins tensors, and tells of their shapes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .node import Node, operator
from .reductions import without
from .value import Value, common_order, whole_numbers


@operator("Transpose")
def transpose(node: Node) -> Value:
    """Nothing moves: the axes are called otherwise."""
    x = node.value()
    moves = node.get("perm") or list(reversed(range(x.rank)))
    return Value(x.tensor, tuple(list(moves).index(axis) for axis in x.order))


@operator("Reshape")
def reshape(node: Node) -> Value:
    """Another shape; zero is as it was, −1 what remains."""
    x = node.value()
    sizes = node.numbers("shape", 1) or []
    if not node.get("allowzero", 0):
        sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
    return _reshaped(node, x, sizes)


def _reshaped(node: Node, x: Value, sizes: Any) -> Value:
    return Value.plain(node.tf.reshape(x.as_onnx, [int(s) for s in sizes]))


@operator("Flatten")
def flatten(node: Node) -> Value:
    """Two axes."""
    x = node.value()
    axis = node.get("axis", 1)
    axis = axis if axis >= 0 else axis + x.rank
    return _reshaped(node, x, (int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:]))))


@operator("Squeeze")
def squeeze(node: Node) -> Value:
    """Without axes of one element."""
    x = node.value()
    axes = node.numbers("axes", 1)
    axes = [i for i, d in enumerate(x.shape) if d == 1] if axes is None else axes
    gone = [axis % x.rank for axis in axes]
    places = [x.place(axis) for axis in gone]
    return Value(node.tf.squeeze(x.tensor, places) if gone else x.tensor, without(x.order, gone))


@operator("Unsqueeze")
def unsqueeze(node: Node) -> Value:
    """With axes of one element more."""
    x, axes = node.value(), node.numbers("axes", 1) or []
    new = sorted(axis % (x.rank + len(axes)) for axis in axes)
    old = [axis for axis in range(x.rank + len(new)) if axis not in new]
    order = [old[axis] for axis in x.order]
    tensor = x.tensor
    for axis in new:
        at = order.index(axis - 1) + 1 if axis - 1 in order else 0
        order.insert(at, axis)
        tensor = node.tf.expand_dims(tensor, at)
    return Value(tensor, tuple(order))


@operator("Concat")
def concat(node: Node) -> Value:
    """Behind one another."""
    values = [v for v in node.values() if 0 not in v.shape] or node.values()
    order = common_order(values)
    axis = order.index(node.get("axis") % len(order))
    return Value(node.tf.concat([v.lying(order) for v in values], axis), order)


@operator("Split")
def split(node: Node) -> list[Value]:
    """Parts along an axis."""
    x = node.value()
    place = x.place(node.get("axis", 0))
    whole = int(x.tensor.shape[place])
    sizes = node.numbers("split", 1)
    if sizes is None:
        each = -(-whole // node.outputs)
        sizes = [min(each, whole - each * i) for i in range(node.outputs)]
    if x.dtype == np.bool_:  # TFLite divides numbers alone
        ends = np.cumsum([0, *sizes])
        spans = [slice(a, b) for a, b in pairwise(ends)]
        before = (slice(None),) * place
        return [Value(x.tensor[(*before, span)], x.order) for span in spans]
    return [Value(part, x.order) for part in node.tf.split(x.tensor, sizes, place)]


@operator("Slice")
def cut(node: Node) -> Value:
    """From, to, and in steps, along some axes."""
    x = node.value()
    starts, ends = node.numbers("starts", 1) or [], node.numbers("ends", 2) or []
    axes = node.numbers("axes", 3)
    axes = list(range(len(starts))) if axes is None else axes
    steps = node.numbers("steps", 4) or [1] * len(starts)
    slices = [slice(None)] * x.rank
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        place = x.place(axis)
        size = int(x.tensor.shape[place])
        # What is beyond the ends means the ends; as NumPy has it.
        low, high, by = slice(start, end, step).indices(size)
        slices[place] = slice(low, None if high < 0 else high, by)
    return Value(x.tensor[tuple(slices)], x.order)


@operator("Gather")
def gather(node: Node) -> Value:
    """Those along an axis that are named by number."""
    x, which, tf = node.value(0), node.value(1), node.tf
    axis = node.get("axis", 0) % x.rank
    numbers = which.as_onnx
    size = x.shape[axis]
    if which.is_constant:
        numbers = np.where(numbers < 0, numbers + size, numbers).astype(np.int32)
    else:
        numbers = tf.where(numbers < 0, numbers + size, numbers)
    if which.rank == 1:
        return Value(tf.gather(x.tensor, numbers, axis=x.place(axis)), x.order)
    return Value.plain(tf.gather(x.as_onnx, numbers, axis=axis))


@operator("GatherElements")
def gather_elements(node: Node) -> Value:
    """Along an axis, for each place its own."""
    x, which, tf = node.value(0), node.value(1), node.tf
    axis = node.get("axis", 0) % x.rank
    order = (*(a for a in range(x.rank) if a != axis), axis)
    numbers = which.lying(order)
    numbers = (np if which.is_constant else tf).where(numbers < 0, numbers + x.shape[axis], numbers)
    return Value(tf.gather(x.lying(order), numbers, batch_dims=x.rank - 1), order)


@operator("GatherND")
def gather_nd(node: Node) -> Value:
    """By numbers along several axes."""
    x, which, same = node.value(0), node.value(1), node.get("batch_dims", 0)
    numbers = which.as_onnx
    sizes = np.array(x.shape[same : same + which.shape[-1]], which.dtype)
    numbers = (np if which.is_constant else node.tf).where(numbers < 0, numbers + sizes, numbers)
    return Value.plain(node.tf.gather_nd(x.as_onnx, numbers, batch_dims=same))


@operator("Expand")
def expand(node: Node) -> Value:
    """Broadcast to a shape."""
    x = node.value()
    wanted = whole_numbers(node.constant(1))
    rank = max(x.rank, len(wanted))
    wide = x.of_rank(rank)
    shape = np.broadcast_shapes(x.shape, tuple(wanted))
    return Value(
        node.tf.broadcast_to(wide.tensor, [shape[axis] for axis in wide.order]), wide.order
    )


@operator("Tile")
def tile(node: Node) -> Value:
    """Again and again."""
    x, times = node.value(), whole_numbers(node.constant(1))
    return Value(node.tf.tile(x.tensor, [times[axis] for axis in x.order]), x.order)


@operator("Pad")
def pad(node: Node) -> Value:
    """With something around it; what is to be cut off instead, is."""
    x, tf = node.value(), node.tf
    around = _around(node, x)
    sizes = [int(d) for d in x.tensor.shape]
    kept = [slice(max(-b, 0), n - max(-e, 0)) for n, (b, e) in zip(sizes, around, strict=True)]
    tensor = x.tensor[tuple(kept)]
    around = [(max(b, 0), max(e, 0)) for b, e in around]
    mode = node.get("mode", "constant")
    if mode == "constant":
        fill = node.constant(2).reshape(()) if node.has(2) else node.get("value", 0)
        if x.grid is not None:  # an integer, where real numbers stand for integers
            fill = (float(fill) - x.grid.zero) * x.grid.scale
        return Value(tf.pad(tensor, around, constant_values=np.asarray(fill, x.dtype)), x.order)
    if mode == "reflect":
        return Value(tf.pad(tensor, around, "REFLECT"), x.order)
    for axis, (before, behind) in enumerate(around):  # by edges, or round in a circle
        size = int(tensor.shape[axis])
        if before or behind:
            numbers = np.arange(-before, size + behind)
            numbers = numbers % size if mode == "wrap" else numbers.clip(0, size - 1)
            tensor = tf.gather(tensor, numbers.astype(np.int32), axis=axis)
    return Value(tensor, x.order)


def _around(node: Node, x: Value) -> list[tuple[int, int]]:
    """What is put before and behind, by the tensor's axes; negative: what is cut off."""
    pads = node.numbers("pads", 1) or []
    axes = whole_numbers(node.constant(3)) if node.has(3) else list(range(x.rank))
    around = [(0, 0)] * x.rank
    for i, axis in enumerate(axes):
        around[x.place(axis)] = (pads[i], pads[i + len(axes)])
    return around


@operator("DepthToSpace", "SpaceToDepth")
def blocks(node: Node) -> Value:
    """Channels as pixels of blocks, or the other way round."""
    x, size = node.value(), node.get("blocksize")
    items, channels, rows, columns = x.shape
    if node.op == "SpaceToDepth":
        parted = _reshaped(node, x, (items, channels, rows // size, size, columns // size, size))
        crd = node.get("mode", "DCR") == "CRD"
        perm = [0, 1, 3, 5, 2, 4] if crd else [0, 3, 5, 1, 2, 4]
        moved = node.otherwise("Transpose", [parted], perm=perm)
        sizes = (items, channels * size * size, rows // size, columns // size)
        return _reshaped(node, moved, sizes)
    each = channels // (size * size)
    if node.get("mode", "DCR") == "DCR":
        made = node.tf.nn.depth_to_space(x.channels_last, size)
        return Value(made, (0, 2, 3, 1))
    parted = _reshaped(node, x, (items, each, size, size, rows, columns))
    moved = node.otherwise("Transpose", [parted], perm=[0, 1, 4, 2, 5, 3])
    return _reshaped(node, moved, (items, each, rows * size, columns * size))


@operator("Shape")
def shape_of(node: Node) -> Value:
    """A constant, for no size is open."""
    shape = np.array(node.value().shape, np.int64)
    return Value.plain(shape[node.get("start", 0) : node.get("end", len(shape))])


@operator("Size")
def size_of(node: Node) -> Value:
    """A constant, for no size is open."""
    return Value.plain(np.array(np.prod(node.value().shape), np.int64))


@operator("Constant")
def constant(node: Node) -> Value:
    """What stands in the graph."""
    for name, value in node.attributes.items():
        dtype = {"value_float": np.float32, "value_floats": np.float32}.get(name)
        return Value.plain(np.asarray(value, dtype))
    raise node.refusal("says nothing")


@operator("ConstantOfShape")
def filled(node: Node) -> Value:
    """One number everywhere."""
    fill = node.get("value", np.zeros(1, np.float32))
    return Value.plain(np.full(whole_numbers(node.constant(0)), fill.reshape(-1)[0], fill.dtype))


@operator("Range")
def counted(node: Node) -> Value:
    """Numbers one after another."""
    limits: list[Any] = [node.constant(i).reshape(()) for i in range(3)]
    return Value.plain(np.arange(*limits, dtype=limits[0].dtype))


@operator("OneHot")
def one_hot(node: Node) -> Value:
    """One number where another says, and a second everywhere else."""
    off, on = node.constant(2)
    depth = int(node.constant(1).reshape(()))
    numbers = node.value(0).as_onnx
    numbers = node.tf.where(numbers < 0, numbers + depth, numbers)
    return Value.plain(
        node.tf.one_hot(numbers, depth, on, off, node.get("axis", -1), dtype=on.dtype)
    )


@operator("ReverseSequence")
def backwards(node: Node) -> Value:
    """Each item's first so many elements the other way round."""
    x, tf = node.value(0), node.tf
    lengths = node.value(1)
    time, batch = node.get("time_axis", 0), node.get("batch_axis", 1)
    if lengths.is_constant and (lengths.as_onnx == x.shape[time]).all():
        return Value(tf.reverse(x.tensor, [x.place(time)]), x.order)
    made = tf.reverse_sequence(x.tensor, lengths.as_onnx, x.place(time), x.place(batch))
    return Value(made, x.order)


@operator("Trilu")
def triangle(node: Node) -> Value:
    """What is above a diagonal, or below."""
    x = node.value()
    k = int(node.constant(1).reshape(())) if node.has(1) else 0
    rows, columns = x.shape[-2:]
    kept = np.tri(rows, columns, k - 1 if node.get("upper", 1) else k, dtype=np.bool_)
    kept = ~kept if node.get("upper", 1) else kept
    return Value.plain(node.tf.where(kept, x.as_onnx, np.zeros((), x.dtype)))
