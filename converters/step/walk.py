"""A Keras model becomes a step graph, layer by layer.

`LAYERS` is the table of what can be walked. A layer that looks ahead in time, or
that is not in the table, ends the walk with an error that names it and the way out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.artifact import OPEN
from edgenets.errors import ConversionError

from .builder import Builder, Signal
from .graph import Conv, Depthwise, Linear, Lookup, StepGraph
from .layers import LAYERS, READS_TOKENS, TAKES_GIVEN, TAKES_PADDING, UNBOUNDED, check
from .topology import Given, Topology, read

if TYPE_CHECKING:
    import keras


def walk(model: keras.Model) -> StepGraph:
    """The step graph of a Sequential or functional Keras model.

    Requires:
        a first input of shape (batch, time, channels) or (batch, time, bands, channels), or of
        tokens, (batch, time) integers; every layer in `LAYERS`; no layer that looks ahead in time.
        Further inputs are given once a sequence: what an Attention looks at, (batch, rows,
        channels), and the state that a recurrent layer begins with, (batch, units).
    Ensures:
        after n steps the graph's output equals the model's on the n · frames
        frames so far, up to the rounding of float32, once `warmup` steps are past.

    Raises:
        ConversionError: the model does not meet the requirements.
    """
    topology, builder = read(model), Builder()
    source = _input(builder, topology, model.name)
    signals = {topology.input: source}
    signals |= {given.name: _given(builder, given) for given in topology.given}
    for call in topology.calls:
        kind = check(call.layer, call.output)
        inputs = [signals[name] for name in call.inputs]
        _check_inputs(kind, call.output, inputs)
        signals[call.output] = LAYERS[kind](builder, inputs, call.layer, call.output)
        if kind in UNBOUNDED:
            builder.float_layers.add(call.output)
    outputs = [(name, _ended(signals[tensor], tensor)) for name, tensor in topology.outputs]
    if len({name for name, _ in outputs}) != len(outputs):
        raise ConversionError(f"model '{model.name}' has two outputs of one name; name its layers")
    _check_finite(builder)
    return StepGraph(
        model.name,
        source.tensor,
        tuple((name, s.tensor) for name, s in outputs),
        source.frames,
        tuple(builder.ops),
        dict(builder.shapes),
        tuple(builder.states),
        warmup=max(-(-s.delay // s.frames) for _, s in outputs),
        input_type="int32" if source.tokens else "float32",
        sequence_inputs=_sequence_inputs(builder, topology),
        float_layers=frozenset(builder.float_layers),
    )


def _input(builder: Builder, topology: Topology, model: str) -> Signal:
    """The sequence that the model takes."""
    shape = topology.input_shape
    reads = any(type(call.layer).__name__ in READS_TOKENS for call in topology.calls)
    if len(shape) not in ((2, 3, 4) if reads else (3, 4)) or None in shape[2:]:
        raise ConversionError(
            f"model '{model}' takes input of shape {shape}; a step model needs "
            f"(batch, time, channels) or (batch, time, bands, channels), with time alone left "
            f"open, or tokens, (batch, time), for an Embedding"
        )
    frames, channels = _total_stride(topology), math.prod(n or 0 for n in shape[2:])
    tokens = len(shape) == 2
    source = builder.source("tokens" if tokens else "features", (frames, channels))
    bands = shape[2] or 0 if len(shape) == 4 else 0
    return Signal(source, frames, channels, bands, len(shape), tokens=tokens)


def _check_inputs(kind: str, layer: str, inputs: Sequence[Signal]) -> None:
    """Refuse tensors that a layer of this kind cannot take."""
    if not inputs:
        raise ConversionError(f"layer '{layer}' takes no tensor that the walk knows")
    given = next((s for s in inputs if s.given), None)
    if given is not None and kind not in TAKES_GIVEN:
        raise ConversionError(
            f"layer '{layer}' ({kind}) takes '{given.tensor}', an input beside the sequence; such "
            f"a one can be what an Attention looks at (batch, rows, channels), or the "
            f"initial_state of a recurrent layer (batch, units)"
        )
    if kind not in READS_TOKENS and any(s.tokens for s in inputs):
        raise ConversionError(
            f"layer '{layer}' ({kind}) takes the numbers of tokens themselves; put an Embedding "
            f"before it, or give the model an axis of channels"
        )
    if kind not in TAKES_PADDING and any(s.padding for s in inputs):
        raise ConversionError(
            f"layer '{layer}' ({kind}) stands between a left padding and the convolution or "
            f"pooling that it is for; put the padding right before that one"
        )


def _given(builder: Builder, given: Given) -> Signal:
    """An input beside the sequence: rows to look at, or a state to begin with."""
    *axes, channels = given.shape[1:]
    if len(axes) > 1 or channels is None:
        raise ConversionError(
            f"input '{given.name}' has shape {given.shape}; beside the sequence there can be "
            f"(batch, rows, channels) and (batch, units)"
        )
    rows = OPEN if axes else 1
    source = builder.source(given.name, (rows, channels))
    return Signal(source, rows, channels, rank=len(given.shape), sequence=False, given=True)


def _sequence_inputs(builder: Builder, topology: Topology) -> tuple[str, ...]:
    """The inputs beside the sequence that are no states."""
    states = {state.input for state in builder.states}
    used = {name for op in builder.ops for name in op.inputs} | states
    for given in topology.given:
        if given.name not in used:
            raise ConversionError(f"input '{given.name}' goes into no layer; leave it out")
    return tuple(given.name for given in topology.given if given.name not in states)


def _ended(output: Signal, layer: str) -> Signal:
    """An output of the model, if a step can give it."""
    if output.given or output.tokens:
        raise ConversionError(f"the model's output '{layer}' is one of its inputs; leave it out")
    if output.bands:
        raise ConversionError(
            f"layer '{layer}' ends the model with {output.bands} bands in every frame; "
            f"end it with Reshape((-1, {output.channels}))"
        )
    if output.padding:
        raise ConversionError(
            f"layer '{layer}' ends the model with {output.padding} frames of left "
            f"padding, which no stream has; leave them out"
        )
    return output


def _check_finite(builder: Builder) -> None:
    """Refuse weights that are NaN or infinite."""
    for op in builder.ops:
        held: tuple[NDArray[np.float32], ...] = (op.table,) if isinstance(op, Lookup) else ()
        if isinstance(op, (Linear, Conv, Depthwise)):
            held = (op.weights, op.bias)
        if not all(np.isfinite(values).all() for values in held):
            raise ConversionError(
                f"layer '{op.layer}' has weights that are NaN or infinite; train the model again, "
                f"with a lower learning rate"
            )


def _total_stride(topology: Topology) -> int:
    """Frames after which every layer has had a whole number of turns."""
    stride = {topology.input: 1}
    for call in topology.calls:
        own = getattr(call.layer, "strides", 1)
        own = own[0] if isinstance(own, (tuple, list)) else own
        stride[call.output] = own * max((stride.get(i, 1) for i in call.inputs), default=1)
    return math.lcm(*stride.values())
