"""Which operations compute in integers, and how every integer tensor stands for real values.

The plan is made once and written out by every format, so that the same network has
the same scales everywhere. Tensors that only move (slices, concatenations,
ring buffers, a state and its next value) share one scale: between steps nothing
is requantized.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from edgenets.errors import ConversionError
from edgenets.quantization import Quantization, from_range

from .calibrate import Calibration, Range
from .graph import Activation, Binary, Concat, Constant, Lookup, Op, Pool, Slice, State, StepGraph
from .passes import FIXED_RANGE

ActivationType = Literal["int8", "int16"]

# TFLite's integer kernels have just these output quantizations, and those of the other formats
# are as good.
_FIXED = {
    "int8": {
        "sigmoid": Quantization(1 / 256, -128, "int8"),
        "softmax": Quantization(1 / 256, -128, "int8"),
        "tanh": Quantization(1 / 128, 0, "int8"),
    },
    "int16": {
        "sigmoid": Quantization(1 / 32768, 0, "int16"),
        "softmax": Quantization(1 / 32768, 0, "int16"),
        "tanh": Quantization(1 / 32768, 0, "int16"),
    },
}

# Inputs beyond which an activation changes by less than its output's last digit.
_SATURATES = {
    "int8": {"sigmoid": 6.0, "tanh": 3.5},
    "int16": {"sigmoid": 11.0, "tanh": 6.0},
}

# Activations and element-wise operations that have integer kernels in every format.
_INTEGER_ACTIVATIONS = ("relu", "relu6", "sigmoid", "tanh", "softmax", "leaky_relu")
_INTEGER_BINARIES = ("add", "sub", "mul")


@dataclass(frozen=True)
class Plan:
    """The integer part of a step graph."""

    dtype: ActivationType
    integer_ops: frozenset[str]  # outputs of the operations that compute in integers
    # Those, the per-sequence inputs, and the states that are integers. The input and the output are
    # float32 at the border in every format: a graph quantizes in less time than NumPy does.
    integer_tensors: frozenset[str]
    quantization: Mapping[str, Quantization]  # of every tensor that an integer operation touches

    def is_integer(self, op: Op) -> bool:
        """Whether an operation computes in integers."""
        return op.output in self.integer_ops


def make_plan(graph: StepGraph, calibration: Calibration, dtype: ActivationType) -> Plan:
    """Decide scales for a graph.

    Requires: `passes.isolate_fixed` ran; `calibration` is of this graph.
    Ensures: a state and its next value have one scale, as have all inputs and
        the output of a concatenation, slice or pooling.
    """
    ranges = _ranges(graph, calibration, dtype)
    ops = [op for op in graph.ops if _has_integer_form(op, graph)]
    integer = frozenset(op.output for op in ops)
    states = [s for s in graph.states if s.output in integer and not s.float_only]
    groups = _grouped(graph, ops, states)
    touched = _touched(ops, states)
    merged = _merged(groups, {name: ranges[name] for name in touched})
    fixed = _fixed(groups, ops, dtype)
    quantization = {
        name: fixed.get(groups.root(name)) or from_range(found.low, found.high, dtype)
        for name, found in merged.items()
    }
    given = touched & set(graph.sequence_inputs)
    return Plan(dtype, integer, integer | {s.input for s in states} | given, quantization)


def _ranges(graph: StepGraph, calibration: Calibration, dtype: ActivationType) -> dict[str, Range]:
    """The range of every tensor, before tensors share one."""
    ranges = _useful(graph, calibration.ranges(dtype), dtype)
    # What goes outside is not cut: a rare large answer is what somebody waits for.
    ranges |= {tensor: calibration.extremes[tensor] for _, tensor in graph.outputs}
    # Nor are rows of tables that calibration did not come upon.
    for op in graph.ops:
        if isinstance(op, Lookup):
            whole = Range(float(op.table.min()), float(op.table.max()))
            ranges[op.output] = ranges[op.output].union(whole)
    return ranges


def _touched(ops: Sequence[Op], states: Sequence[State]) -> set[str]:
    """Tensors that integer operations take or give; of a lookup's input none are integers."""
    found = {op.output for op in ops}.union(*((s.input, s.output) for s in states))
    return found.union(*(op.inputs for op in ops if not isinstance(op, Lookup)))


def _fixed(groups: _Groups, ops: Sequence[Op], dtype: ActivationType) -> dict[str, Quantization]:
    """Quantizations that activations set, by the root of their group."""
    return {
        groups.root(op.output): _FIXED[dtype][op.kind]
        for op in ops
        if isinstance(op, Activation) and op.kind in FIXED_RANGE
    }


def _merged(groups: _Groups, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """For each tensor the range that covers those of its group."""
    merged: dict[str, Range] = {}
    for name, own in ranges.items():
        root = groups.root(name)
        merged[root] = merged[root].union(own) if root in merged else own
    for name in sorted(ranges):
        if not merged[groups.root(name)].bounded:
            raise ConversionError(
                f"'{name}' grows beyond all bounds while the model is calibrated, so no integers "
                f"hold it; leave int8 and int16x8 out, or take another activation there"
            )
    return {name: merged[groups.root(name)] for name in ranges}


def _grouped(graph: StepGraph, ops: Sequence[Op], states: Sequence[State]) -> _Groups:
    """Tensors that integer operations only move, and states with their next values."""
    groups = _Groups(graph.shapes)
    for op in ops:
        if isinstance(op, (Concat, Slice, Pool)):
            groups.join(op.output, *op.inputs)
    for state in states:
        groups.join(state.input, state.output)
    return groups


def _useful(graph: StepGraph, ranges: dict[str, Range], dtype: ActivationType) -> dict[str, Range]:
    """Leave out what saturates anyway: a sigmoid of 30 is a sigmoid of 6.

    A term of a sum that goes into a saturating activation is cut where the sum
    saturates whatever the other term is.
    """
    consumers = graph.consumers()
    results = set(graph.results)
    useful = dict(ranges)
    for op in reversed(graph.ops):
        if isinstance(op, Activation) and op.kind in _SATURATES[dtype]:
            edge = _SATURATES[dtype][op.kind]
            limits = {op.inputs[0]: Range(-edge, edge)}
        elif isinstance(op, Binary) and op.kind == "add" and useful[op.output] != ranges[op.output]:
            out, (a, b) = useful[op.output], op.inputs
            limits = {
                a: Range(out.low - ranges[b].high, out.high - ranges[b].low),
                b: Range(out.low - ranges[a].high, out.high - ranges[a].low),
            }
        else:
            continue
        for name, limit in limits.items():
            if len(consumers[name]) == 1 and name not in results:
                low, high = max(ranges[name].low, limit.low), min(ranges[name].high, limit.high)
                if low < high:
                    useful[name] = Range(low, high)
    return useful


def _has_integer_form(op: Op, graph: StepGraph) -> bool:
    if op.layer in graph.float_layers or isinstance(op, Constant):
        return False
    if isinstance(op, Activation):
        return op.kind in _INTEGER_ACTIVATIONS
    if isinstance(op, Binary):
        return op.kind in _INTEGER_BINARIES
    return True


class _Groups:
    """Tensors that must share a quantization (union–find)."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self._parent = {name: name for name in names}

    def root(self, name: str) -> str:
        while self._parent[name] != name:
            self._parent[name] = self._parent[self._parent[name]]
            name = self._parent[name]
        return name

    def join(self, first: str, *others: str) -> None:
        for other in others:
            self._parent[self.root(other)] = self.root(first)
