"""An ONNX model becomes a step graph, operator by operator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import OPEN, TensorInfo
from edgenets.errors import ConversionError
from edgenets.extras import require

from ..step.builder import Builder, Signal
from ..step.graph import StepGraph
from ..step.reference import Reference
from . import layers, maths, shapes
from .fold import folded
from .shapes import Handler
from .value import Axis, Constant, Node, NoStepForm, Value

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

# Frames of a model that may be of any length, where it is walked: a whole number of strides.
_LENGTH = 96

# Step graphs are held against the model that they were walked from, on so many frames at random.
_TOLERANCE = 1e-3

HANDLERS: dict[str, Handler] = {**shapes.HANDLERS, **maths.HANDLERS, **layers.HANDLERS}


@dataclass(frozen=True)
class Walked:
    """A step graph, and what the axes of the model's sequence are."""

    graph: StepGraph
    axes: tuple[Axis, ...]  # of the sequence, batch included

    def rows(self, values: Array) -> Array:
        """Items as the model takes them, as steps do: (items, frames, channels)."""
        axes = self.axes[len(self.axes) - values.ndim + 1 :]
        order = [1 + axes.index(kind) for kind in ("T", "F", "C") if kind in axes]
        ones = [1 + i for i, axis in enumerate(axes) if axis == "1"]
        moved = values.transpose(0, *order, *ones)
        return moved.reshape(*moved.shape[:2], -1)


def walk(
    model: ModelProto, inputs: Sequence[TensorInfo], sizes: Mapping[str, tuple[int, ...]]
) -> Walked:
    """The step graph of an ONNX model.

    Requires:
        a first input that is a sequence, of which one axis is time; every operator in `HANDLERS`;
        nothing that looks ahead in time. Further inputs are states that recurrent operators begin
        with.
    Ensures:
        after n steps the graph's outputs equal the model's on the n · frames frames so far, up to
        the rounding of float32, once `warmup` steps are past.

    Args:
        inputs: as the model takes them; `OPEN` where any size will do.
        sizes: of one item, for inputs that are open.

    Raises:
        ConversionError: it does not meet the requirements.
    """
    fixed = [_fixed(info, sizes) for info in inputs]
    graph = folded(model, fixed)
    to_array = require("onnx").numpy_helper.to_array
    constants = {t.name: to_array(t) for t in graph.graph.initializer}
    tried = _steps_of(graph)
    furthest: dict[int, tuple[int, str]] = {}  # by the axis of time, how far a walk came, and why
    for axes in _readings(inputs[0], fixed[0]):
        for frames in tried:
            walker = _Walker(graph, constants, fixed, axes, frames)
            try:
                found = Walked(walker.walked(), axes)
            except NoStepForm:
                raise
            except ConversionError as exc:
                time = axes.index("T")
                if time not in furthest or walker.done > furthest[time][0]:
                    furthest[time] = walker.done, str(exc)
                continue
            _hold(found, graph, fixed)
            return found
    reasons = {time: why for time, (_, why) in furthest.items()}
    if len(set(reasons.values())) == 1:
        raise ConversionError(next(iter(reasons.values())))
    raise ConversionError(
        "; ".join(f"with time as axis {time}: {why}" for time, why in reasons.items())
    )


def _fixed(info: TensorInfo, sizes: Mapping[str, tuple[int, ...]]) -> TensorInfo:
    given = sizes.get(info.name, sizes.get("", ()))
    shape = list(info.shape)
    places = list(range(len(shape) - len(info.item), len(shape)))
    if len(given) == len(places):
        for place, size in zip(places, given, strict=True):
            shape[place] = size
    return replace(info, shape=tuple(_LENGTH if d == OPEN else d for d in shape))


def _readings(open_info: TensorInfo, info: TensorInfo) -> Iterator[tuple[Axis, ...]]:
    """What the axes of the sequence may be, the likeliest first: where one is open, it is time."""
    shape = info.shape
    wide = np.flatnonzero(np.array(shape) != 1).tolist() or [len(shape) - 1]
    ones = sorted(set(range(1, len(shape))) - set(wide))
    free = [i for i in wide if open_info.shape[i] == OPEN]
    for time in free or wide:
        rest = sorted(set(wide) - {time})
        yield from (_axes(shape, time, *pair) for pair in _frames(rest, ones))


def _frames(rest: list[int], ones: list[int]) -> list[tuple[int | None, int | None]]:
    """Axes of bands and of channels, of those that are not time."""
    if len(rest) == 2:
        return [(rest[0], rest[1]), (rest[1], rest[0])]
    if len(rest) == 1:  # or bands of one channel each, where an axis of one is the channels
        return [(None, rest[0]), *((rest[0], one) for one in ones)]
    return [(None, one) for one in (*ones, None)] if not rest else []


def _axes(
    shape: Sequence[int], time: int | None, bands: int | None, channels: int | None
) -> tuple[Axis, ...]:
    kinds: dict[int | None, Axis] = {time: "T", bands: "F", channels: "C"}
    axes: list[Axis] = ["1"] * len(shape)
    for place, kind in kinds.items():
        if place is not None:
            axes[place] = kind
    return tuple(axes)


def _steps_of(graph: ModelProto) -> list[int]:
    """Frames that a step may take: divisors of all strides together."""
    total = 1
    for node in graph.graph.node:
        found = [max(a.ints) for a in node.attribute if a.name == "strides" and a.ints]
        total *= found[0] if found else 1
    return [n for n in range(1, total + 1) if total % n == 0]


class _Walker:
    """One walk, with one reading of the input."""

    def __init__(
        self,
        model: ModelProto,
        constants: Mapping[str, Constant],
        inputs: Sequence[TensorInfo],
        axes: tuple[Axis, ...],
        frames: int,
    ) -> None:
        self._model, self._inputs, self._axes, self._frames = model, inputs, axes, frames
        self._builder, self.done = Builder(), 0
        self._values: dict[str, Value | Constant] = {**constants}

    def walked(self) -> StepGraph:
        """The step graph; errors as `walk`."""
        b = self._builder
        first, *others = self._inputs
        source = self._values[first.name] = self._sequence(first)
        for info in others:
            self._values[info.name] = self._state(info)
        for number, node in enumerate(self._model.graph.node):
            self._take(node, number)
            self.done += 1
        self._check_used([info.name for info in others])
        outputs = self._outputs()
        return StepGraph(
            self._model.graph.name or "model",
            source.signal.tensor,
            tuple((name, s.tensor) for name, s in outputs),
            self._frames,
            tuple(b.ops),
            dict(b.shapes),
            tuple(b.states),
            warmup=max(-(-s.delay // s.frames) for _, s in outputs),
            input_type="int32" if source.signal.tokens else "float32",
            float_layers=frozenset(b.float_layers),
        )

    def _outputs(self) -> list[tuple[str, Signal]]:
        names = [o.name for o in self._model.graph.output]
        called = names if len(names) > 1 else ["logits"]
        return [(name, self._ended(tensor)) for name, tensor in zip(called, names, strict=True)]

    def _check_used(self, names: Sequence[str]) -> None:
        """Refuse inputs beside the sequence that begin no recurrent operator."""
        if unused := set(names) - {s.input for s in self._builder.states}:
            raise ConversionError(
                f"'{min(unused)}' is an input beside the sequence, and no state that a recurrent "
                f"operator begins with"
            )

    def _sequence(self, info: TensorInfo) -> Value:
        sizes = dict(zip(self._axes, info.shape, strict=True))
        tokens = np.issubdtype(np.dtype(info.dtype), np.integer)
        bands, depth = sizes.get("F", 0), sizes.get("C", 1)
        channels = (bands or 1) * depth
        source = self._builder.source("tokens" if tokens else "features", (self._frames, channels))
        signal = Signal(source, self._frames, channels, bands, tokens=bool(tokens))
        return Value(signal, self._axes, sizes["T"])

    def _state(self, info: TensorInfo) -> Value:
        """An input that a recurrent operator may begin with, (1, 1, units)."""
        units = math.prod(info.shape)
        if units != info.shape[-1]:
            raise ConversionError(f"'{info.name}' {list(info.shape)} is no state of one layer")
        source = self._builder.source(info.name, (1, units))
        signal = Signal(source, 1, units, rank=2, sequence=False, given=True)
        return Value(signal, _axes(info.shape, None, None, len(info.shape) - 1), 1)

    def _take(self, proto: NodeProto, number: int) -> None:
        name = proto.name or f"{proto.op_type}_{number}"
        if missing := [i for i in proto.input if i and i not in self._values]:
            raise ConversionError(f"'{name}' ({proto.op_type}) takes '{missing[0]}', which is lost")
        values = [self._values[i] if i else None for i in proto.input]
        node = Node(proto, name.replace("/", "."), values)
        found = self._answered(node)
        every = found if isinstance(found, list) else [found]
        for output, value in zip(proto.output, every, strict=False):
            self._values[output] = value

    def _answered(self, node: Node) -> list[Value] | Value | Constant:
        if node.kind == "Constant":
            (held,) = (a.t for a in node.proto.attribute if a.name == "value")
            return np.asarray(require("onnx").numpy_helper.to_array(held))
        if node.kind == "Shape":
            return np.array(node.value().sizes, np.int64)
        own = node.proto.domain not in ("", "ai.onnx")
        if own or node.kind not in HANDLERS:
            raise node.refusal(
                f"has no step form; operators that have: {', '.join(sorted(HANDLERS))}"
            )
        given = any(isinstance(v, Value) and v.signal.given for v in node.values)
        if given and node.kind not in _TAKE_GIVEN:
            raise node.refusal("computes with an input beside the sequence")
        found: list[Value] | Value = HANDLERS[node.kind](self._builder, node)
        return found

    def _ended(self, name: str) -> Signal:
        """An output of the model, if a step can give it."""
        value = self._values.get(name)
        if not isinstance(value, Value):
            raise ConversionError(f"the output '{name}' does not depend on the input")
        if value.signal.tokens or value.signal.given:
            raise ConversionError(f"the output '{name}' is one of the inputs; leave it out")
        if value.signal.sequence and (value.ahead or value.signal.padding):
            raise ConversionError(
                f"the output '{name}' has padding in time at its ends, which no stream has"
            )
        if value.order is not None or "F" in value.axes:
            raise ConversionError(f"the output '{name}' has bands; end the model with one vector")
        return value.signal


# Operators that may take a state that is given.
_TAKE_GIVEN = frozenset(
    {"GRU", "LSTM", "RNN", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Gather"}
)


def _hold(found: Walked, model: ModelProto, inputs: Sequence[TensorInfo]) -> None:
    """Hold a step graph against the model on random frames.

    Raises:
        ConversionError: it is another model.
    """
    rng, ort = np.random.default_rng(0), require("onnxruntime")
    given = {info.name: _drawn(rng, info) for info in inputs}
    settings = ort.SessionOptions()
    settings.log_severity_level = 4
    session = ort.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    wanted = session.run(None, given)
    first, *states = inputs
    reference = Reference(found.graph)
    reference.reset({i.name: given[i.name].reshape(1, 1, -1) for i in states})
    rows = found.rows(
        given[first.name][None] if given[first.name].shape[0] != 1 else given[first.name]
    )
    frames = found.graph.frames
    steps = [
        reference.step(rows[:, at : at + frames])
        for at in range(0, rows.shape[1] - frames + 1, frames)
    ]
    made = np.concatenate(steps, axis=1)[0]
    same = wanted[0].reshape(-1)
    last = made.reshape(-1, made.shape[-1])
    count = same.size // last.shape[-1]
    tail = last[-count:]
    choices = [tail.reshape(-1), tail.T.reshape(-1)]
    if len(tail) != count or min(np.abs(c - same).max() for c in choices) > _TOLERANCE * (
        1 + np.abs(same).max()
    ):
        raise ConversionError(
            "what its operators come to step by step is not what the model gives: it has no step "
            "form that is known"
        )


def _drawn(rng: np.random.Generator, info: TensorInfo) -> Array:
    if np.issubdtype(np.dtype(info.dtype), np.integer):
        return rng.integers(0, 2, info.shape).astype(info.dtype)
    return rng.standard_normal(info.shape).astype(info.dtype)
