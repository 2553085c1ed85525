"""Passes over a step graph: each says what it requires and ensures, and changes no value.

`simplify` is for every precision; `isolate_fixed` is for integer ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .graph import (
    Activation,
    Concat,
    Conv,
    Depthwise,
    Linear,
    Lookup,
    Op,
    Pool,
    Requantize,
    Slice,
    StepGraph,
)

Weighted = Linear | Conv | Depthwise
Folded = Weighted | Lookup

# Activations whose integer output has a range of its own, set by TFLite's kernels.
FIXED_RANGE = ("sigmoid", "tanh", "softmax")


def simplify(graph: StepGraph) -> StepGraph:
    """Fold normalisation into weights, then activations into the operations before them."""
    return fuse_activations(fold_scales(graph))


def fold_scales(graph: StepGraph) -> StepGraph:
    """Fold a scale-and-offset into the weights, or the table, of the operation that feeds it.

    Requires: nothing.
    Ensures: no `Depthwise` of kernel 1 × 1 follows, alone, an operation with weights
        and no activation, or a `Lookup`; the values of all other tensors stay as they were.
    """

    def fold(before: Folded, after: Op) -> Op | None:
        if not isinstance(after, Depthwise):
            return None
        if isinstance(before, Lookup):
            return _fold_into_table(before, after)
        if before.fused != "none":
            return None
        channels = len(before.bias)
        if after.weights.shape != (1, 1, channels, 1) or after.stride != (1, 1):
            return None
        factor = after.weights.reshape(channels)
        # (…, channels out) for Linear and Conv, (…, channels, multiplier) for Depthwise
        spread = (
            factor.reshape(before.weights.shape[2:]) if isinstance(before, Depthwise) else factor
        )
        return replace(
            before,
            output=after.output,
            weights=(before.weights * spread).astype(np.float32),
            bias=(before.bias * factor + after.bias).astype(np.float32),
            fused=after.fused,
        )

    return _merge_pairs(graph, fold)


def _fold_into_table(before: Lookup, after: Depthwise) -> Lookup | None:
    channels = before.table.shape[1]
    if after.weights.shape != (1, 1, channels, 1) or after.fused != "none":
        return None
    table = before.table * after.weights.reshape(channels) + after.bias
    return replace(before, output=after.output, table=table.astype(np.float32))


def fuse_activations(graph: StepGraph) -> StepGraph:
    """Make a ReLU part of the operation that feeds it, as all three formats can.

    Requires: nothing.
    Ensures: no ReLU or ReLU6 follows, alone, an operation with weights and no activation.
    """

    def fuse(before: Folded, after: Op) -> Op | None:
        if not isinstance(after, Activation) or after.kind not in ("relu", "relu6"):
            return None
        if isinstance(before, Lookup) or before.fused != "none":
            return None
        return replace(before, output=after.output, fused=after.kind)  # type: ignore[arg-type]

    return _merge_pairs(graph, fuse)


def isolate_fixed(graph: StepGraph) -> StepGraph:
    """Give an activation of fixed range a requantization before it meets other ranges.

    Requires: nothing.
    Ensures: no output of a sigmoid, tanh or softmax, nor a slice of one, goes
        straight into a concatenation or a pooling, whose tensors must share one
        scale. (A state that such an activation computes takes over its range.)
    """
    ops: list[Op] = []
    shapes = dict(graph.shapes)
    renamed: dict[str, str] = {}
    for op in graph.ops:
        fixed = isinstance(op, Activation) and op.kind in FIXED_RANGE
        if isinstance(op, Slice):  # it has the range of what it is cut from
            fixed = op.inputs[0] in renamed
        if isinstance(op, (Concat, Pool)):
            op = replace(op, inputs=tuple(renamed.get(name, name) for name in op.inputs))
        ops.append(op)
        if fixed:
            copy = f"{op.output}/requantized"
            renamed[op.output] = copy
            shapes[copy] = shapes[op.output]
            ops.append(Requantize((op.output,), copy, op.layer))
    used = {name for op in ops for name in op.inputs}
    kept = tuple(op for op in ops if not isinstance(op, Requantize) or op.output in used)
    return _with_ops(replace(graph, shapes=shapes), kept)


def _merge_pairs(graph: StepGraph, merge: Callable[[Folded, Op], Op | None]) -> StepGraph:
    """Replace producer and consumer by one operation wherever `merge` gives one."""
    results = set(graph.results)
    ops = list(graph.ops)
    at = 0
    while at < len(ops):
        after = ops[at]
        place = next((i for i in range(at) if after.inputs == (ops[i].output,)), None)
        merged = None
        if place is not None and isinstance(before := ops[place], Folded):
            uses = sum(before.output in op.inputs for op in ops)
            if uses == 1 and before.output not in results:
                merged = merge(before, after)
        if merged is None or place is None:
            at += 1
            continue
        ops[at] = merged
        del ops[place]
    return _with_ops(graph, tuple(ops))


def _with_ops(graph: StepGraph, ops: tuple[Op, ...]) -> StepGraph:
    """The graph with other operations, and the shapes of just their tensors."""
    alive = {*graph.sources, *(op.output for op in ops)}
    return replace(graph, ops=ops, shapes={n: s for n, s in graph.shapes.items() if n in alive})
