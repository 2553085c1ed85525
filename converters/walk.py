"""A Keras model becomes a step graph, layer by layer.

`LAYERS` is the table of what can be walked. A layer that looks ahead in time, or
that is not in the table, ends the walk with an error that names it and the way out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import ConversionError

from .builder import Builder, Signal
from .graph import Conv, Depthwise, Linear, Lookup, StepGraph
from .layers import LAYERS, TAKES_PADDING, UNBOUNDED, check
from .topology import Topology, read

if TYPE_CHECKING:
    import keras


def walk(model: keras.Model) -> StepGraph:
    """The step graph of a Sequential or functional Keras model.

    Requires:
        one input of shape (batch, time, channels) or (batch, time, bands, channels), or of
        tokens, (batch, time) integers; every layer in `LAYERS`; no layer that looks ahead in time.
    Ensures:
        after n steps the graph's output equals the model's on the n · frames
        frames so far, up to the rounding of float32, once `warmup` steps are past.

    Raises:
        ConversionError: the model does not meet the requirements.
    """
    topology = read(model)
    shape = topology.input_shape
    reads = any(type(call.layer).__name__ == "Embedding" for call in topology.calls)
    if len(shape) not in ((2, 3, 4) if reads else (3, 4)) or None in shape[2:]:
        raise ConversionError(
            f"model '{model.name}' takes input of shape {shape}; a step model needs "
            f"(batch, time, channels) or (batch, time, bands, channels), with time alone left "
            f"open, or tokens, (batch, time), for an Embedding"
        )
    frames, channels = _total_stride(topology), math.prod(n or 0 for n in shape[2:])
    builder = Builder()
    tokens = len(shape) == 2
    source = builder.source("tokens" if tokens else "features", (frames, channels))
    bands = shape[2] or 0 if len(shape) == 4 else 0
    signals = {
        topology.input: Signal(source, frames, channels, bands, len(shape), tokens=tokens)
    }  # fmt: skip
    float_layers = set()
    for call in topology.calls:
        kind = check(call.layer, call.output)
        inputs = [signals[name] for name in call.inputs]
        if not inputs:
            raise ConversionError(f"layer '{call.output}' takes no tensor that the walk knows")
        if kind != "Embedding" and any(s.tokens for s in inputs):
            raise ConversionError(
                f"layer '{call.output}' ({kind}) takes the numbers of tokens themselves; put an "
                f"Embedding before it, or give the model an axis of channels"
            )
        if kind not in TAKES_PADDING and any(s.padding for s in inputs):
            raise ConversionError(
                f"layer '{call.output}' ({kind}) stands between a left padding and the "
                f"convolution or pooling that it is for; put the padding right before that one"
            )
        signals[call.output] = LAYERS[kind](builder, inputs, call.layer, call.output)
        if kind in UNBOUNDED:
            float_layers.add(call.output)
    output = signals[topology.output]
    if output.bands:
        raise ConversionError(
            f"layer '{topology.output}' ends the model with {output.bands} bands in every frame; "
            f"end it with Reshape((-1, {output.channels}))"
        )
    if output.padding:
        raise ConversionError(
            f"layer '{topology.output}' ends the model with {output.padding} frames of left "
            f"padding, which no stream has; leave them out"
        )
    _check_finite(builder)
    return StepGraph(
        model.name, source, output.tensor, frames, tuple(builder.ops), dict(builder.shapes),
        tuple(builder.states), warmup=-(-output.delay // output.frames),
        input_type="int32" if tokens else "float32", float_layers=frozenset(float_layers),
    )  # fmt: skip


def _check_finite(builder: Builder) -> None:
    """Refuse weights that are no numbers."""
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
