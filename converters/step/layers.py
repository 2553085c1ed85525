"""Keras layers as operations of the step graph: `LAYERS` is the table of what can be walked.

A layer that looks ahead in time ends the walk with an error that names it and the way out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from edgenets.errors import ConversionError

from . import cells
from . import convolutions as over_time
from .builder import Builder, Signal
from .convolutions import Handler, array, bias, finish, one
from .pooled import mean_so_far, most_so_far

if TYPE_CHECKING:
    from keras import Layer


def _embedding(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    x = one(inputs, name)
    if not x.tokens:
        raise ConversionError(
            f"layer '{name}' (Embedding) takes no numbers of tokens; begin the model with "
            f"Input((None,), dtype='int32') and the Embedding right behind it"
        )
    if layer.mask_zero:
        raise ConversionError(
            f"layer '{name}' masks token 0 (mask_zero=True), which has no step form: a stream has "
            f"no padding. Build it without, and train on texts of one length at a time"
        )
    table = array(layer.embeddings)
    tensor = b.lookup(x.tensor, table, name)
    return replace(x, tensor=tensor, channels=table.shape[1], rank=3, tokens=False)


def _reversible_embedding(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    """A table of embeddings; what are no tokens is scored against its rows instead."""
    x = one(inputs, name)
    if x.tokens:
        return _embedding(b, inputs, layer, name)
    tied = array(layer.embeddings).T if layer.tie_weights else array(layer.reverse_embeddings)
    scores = b.linear(x.tensor, tied, np.zeros(tied.shape[1], np.float32), name, "scores")
    if layer.logit_soft_cap is not None:
        cap = np.full(tied.shape[1], layer.logit_soft_cap, np.float32)
        scores = b.activation("tanh", b.scale(scores, np.float32(1) / cap, 0 * cap, name), name)
        scores = b.scale(scores, cap, 0 * cap, name)
    return replace(x, tensor=scores, channels=tied.shape[1])


def _attention(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    """Dot-product attention (Luong et al. 2015, arXiv:1508.04025) to what is given."""
    query, value, key = (*inputs, inputs[1])[:3] if len(inputs) > 1 else (inputs[0],) * 3
    if query.given or not (value.given and key.given):
        raise ConversionError(
            f"layer '{name}' (Attention) looks at a sequence that is still coming; a step form can "
            f"look at an input of its own alone, (batch, rows, channels), which is given once"
        )
    if layer.score_mode != "dot":
        raise ConversionError(
            f"layer '{name}' scores by {layer.score_mode!r}, which has no step form; use 'dot'"
        )
    if query.bands or query.channels != key.channels or value.frames == 1:
        raise ConversionError(
            f"layer '{name}' (Attention): query and key need as many channels each, without bands; "
            f"they have {query.channels} and {key.channels}"
        )
    asked = query.tensor
    if layer.use_scale:
        factor = np.full(query.channels, float(array(layer.scale)), np.float32)
        asked = b.scale(asked, factor, 0 * factor, name)
    scores = b.product(asked, key.tensor, name, "scores", turned=True)
    weights = b.activation("softmax", scores, name)
    tensor = b.product(weights, value.tensor, name, "context")
    return replace(query, tensor=tensor, channels=value.channels)


def _rescaling(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    x = one(inputs, name)
    factor, offset = (
        np.broadcast_to(np.asarray(value, np.float32), (x.depth,))
        for value in (layer.scale, layer.offset)
    )
    return replace(x, tensor=b.scale(x.tensor, factor, offset, name, x.rows))


def _dense(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    x = one(inputs, name)
    weights = array(layer.kernel)
    offset = bias(layer, weights.shape[1])
    if x.bands:  # every band alike
        out = b.conv(x, weights[None, None], offset, (1, 1), (1, 1), name)
    else:
        tensor = b.linear(x.tensor, weights, offset, name)
        out = replace(x, tensor=tensor, channels=weights.shape[1])
    return finish(b, out, layer, name)


def _batch_norm(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    x = one(inputs, name)
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    if not _over_channels(axis, x):
        raise ConversionError(
            f"layer '{name}' normalizes axis {axis}; only channels have a step form"
        )
    mean, variance = array(layer.moving_mean), array(layer.moving_variance)
    factor = 1.0 / np.sqrt(variance.astype(np.float64) + layer.epsilon)
    if layer.scale:
        factor = factor * array(layer.gamma)
    offset = (array(layer.beta) if layer.center else 0.0) - mean * factor
    return replace(x, tensor=b.scale(x.tensor, factor, offset, name, x.rows))


def _recurrent(cell: Callable[[Builder, Signal, Layer, str, list[Signal]], Signal]) -> Handler:
    def handler(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
        x, *given = inputs
        if x.given or any(not signal.given for signal in given):
            raise ConversionError(
                f"layer '{name}' begins with a state that the model computes; a step model carries "
                f"states itself, or takes one that is an input of the model's own"
            )
        return cell(b, x, layer, name, given)

    return handler


def _same(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    """A layer that does nothing at inference."""
    return one(inputs, name)


def _activation(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    return finish(b, one(inputs, name), layer, name)


def _relu(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    x = one(inputs, name)
    kind = {(None, False): "relu", (6, False): "relu6", (None, True): "leaky_relu"}.get(
        (layer.max_value, bool(layer.negative_slope))
    )
    if kind is None or layer.threshold:
        raise ConversionError(
            f"layer '{name}': ReLU with max_value={layer.max_value}, "
            f"negative_slope={layer.negative_slope} and threshold={layer.threshold} has no step "
            f"form; max_value 6, a negative_slope, or neither has"
        )
    return replace(x, tensor=b.activation(kind, x.tensor, name, layer.negative_slope))


def _leaky_relu(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    x = one(inputs, name)
    return replace(x, tensor=b.activation("leaky_relu", x.tensor, name, layer.negative_slope))


def _softmax(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    x = one(inputs, name)
    if x.bands or not _over_channels(layer.axis, x):
        raise ConversionError(
            f"layer '{name}' is a softmax over axis {layer.axis}; only one over the channels (-1) "
            f"of a frame without bands has a step form"
        )
    return replace(x, tensor=b.activation("softmax", x.tensor, name))


def _merge(kind: str) -> Handler:
    def handler(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
        _together(inputs, name)
        if inputs[0].bands and len({s.channels for s in inputs}) != 1:
            raise ConversionError(f"layer '{name}' joins bands of different numbers of channels")
        tensor = inputs[0].tensor
        for other in inputs[1:]:
            tensor = b.binary(kind, tensor, other.tensor, name)
        return replace(inputs[0], tensor=tensor, channels=max(s.channels for s in inputs))

    return handler


def _concatenate(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    first = inputs[0]
    channels = sum(s.channels for s in inputs)
    along_bands = bool(first.bands) and layer.axis in (-2, 2)
    _together(inputs, name, same_bands=not along_bands)
    if along_bands:
        tensor = b.concat([s.tensor for s in inputs], 1, name)
        return replace(first, tensor=tensor, channels=channels, bands=sum(s.bands for s in inputs))
    if not _over_channels(layer.axis, first):
        raise ConversionError(f"layer '{name}' concatenates along axis {layer.axis}; use channels")
    parts = [
        b.slice(s.tensor, 1, band * s.depth, s.depth, name)
        for band in range(first.rows)
        for s in inputs
    ]
    return replace(first, tensor=b.concat(parts, 1, name), channels=channels)


def _reshape(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    """Other bands for the same frames: a frame's numbers stay where they are."""
    x = one(inputs, name)
    if not hasattr(layer, "target_shape"):
        raise ConversionError(f"'{name}' is keras.ops.reshape; a step form has the layer Reshape")
    time, *shape = layer.target_shape
    if len(shape) not in (1, 2) or time != -1 or math.prod(shape) != x.channels:
        raise ConversionError(
            f"layer '{name}' reshapes to {layer.target_shape}; a step form keeps frames as they "
            f"are: (-1, {x.channels}), or (-1, bands, channels) of the same product"
        )
    return replace(x, bands=shape[0] if len(shape) == 2 else 0, rank=2 + len(shape))


def _time_distributed(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    inner = type(layer.layer).__name__
    if inner == "Flatten":
        return replace(one(inputs, name), bands=0, rank=3)
    if inner in FRAME_BY_FRAME:
        check(layer.layer, name)
        return LAYERS[inner](b, inputs, layer.layer, name)
    raise ConversionError(
        f"layer '{name}': TimeDistributed({inner}) has no step form; use a layer that works on "
        f"sequences itself"
    )


def _over_channels(axis: Any, x: Signal) -> bool:
    """Whether an axis of a Keras tensor, batch included, is the channels."""
    return axis in (-1, x.rank - 1)


def _together(inputs: list[Signal], name: str, *, same_bands: bool = True) -> None:
    if len(inputs) < 2:
        raise ConversionError(
            f"layer '{name}' joins a tensor with a constant; write that as a layer, such as Dense "
            f"or BatchNormalization"
        )
    if same_bands and len({s.bands for s in inputs}) != 1:
        bands = ", ".join(str(s.bands) for s in inputs)
        raise ConversionError(
            f"layer '{name}' joins frames of different numbers of bands ({bands})"
        )
    if len({(s.frames, s.delay, s.sequence) for s in inputs}) != 1:
        lags = ", ".join(f"{s.frames} a step, {s.delay} late" for s in inputs)
        raise ConversionError(
            f"layer '{name}' joins branches that are not in step with each other ({lags} frames); "
            f"use causal padding in all of them"
        )


def _global_average(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    return _so_far(b, inputs, layer, name, "average")


def _global_max(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    return _so_far(b, inputs, layer, name, "max")


def _so_far(
    b: Builder, inputs: list[Signal], layer: Layer, name: str, kind: Literal["average", "max"]
) -> Signal:
    """The mean, or the maximum, of all bands and all frames so far."""
    x = one(inputs, name)
    rank = x.rank if layer.keepdims else 2
    if not x.sequence:  # there is one frame
        return replace(x, rank=rank)
    if x.bands:
        x = b.pool(x, kind, (1, x.bands), (1, 1), name)
    return (mean_so_far if kind == "average" else most_so_far)(b, x, name, rank)


def check(layer: Layer, name: str) -> str:
    """The name in `LAYERS` of a layer.

    Raises:
        ConversionError: it is none of them, was quantized by Keras, or has channels first.
    """
    kind = type(layer).__name__
    # A class of the user's own may be called as one of Keras's.
    keras_own = type(layer).__module__.partition(".")[0] == "keras"
    if kind not in LAYERS or not keras_own:
        described = kind if keras_own else f"{kind} of {type(layer).__module__}"
        raise ConversionError(
            f"layer '{name}' ({described}) has no step form; use Keras's own layers that "
            f"have: {', '.join(sorted(LAYERS))}"
        )
    if getattr(layer, "quantization_mode", None) is not None:
        raise ConversionError(
            f"layer '{name}' was quantized by Keras; convert the float model, and let "
            f"the conversion quantize it"
        )
    if LAYERS[kind] is not _same and getattr(layer, "data_format", None) == "channels_first":
        raise ConversionError(f"layer '{name}' is channels_first; build it channels_last")
    return kind


# Layers whose state grows without bound, so that no integer could hold it.
UNBOUNDED = (
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
)

# Layers that take up left padding, or hand it on unchanged.
TAKES_PADDING = frozenset({
    "AveragePooling1D", "AveragePooling2D", "Conv1D", "Conv2D", "Cropping1D", "Cropping2D",
    "DepthwiseConv1D", "DepthwiseConv2D", "Dropout", "GaussianDropout", "GaussianNoise",
    "LeakyReLU", "MaxPooling1D", "MaxPooling2D", "ReLU", "Reshape", "SeparableConv1D",
    "SeparableConv2D", "SpatialDropout1D", "SpatialDropout2D", "ZeroPadding1D", "ZeroPadding2D",
})  # fmt: skip

# Layers that take what is given once a sequence, and layers that take the numbers of tokens.
TAKES_GIVEN = frozenset({"Attention", "GRU", "LSTM", "SimpleRNN"})
READS_TOKENS = frozenset({"Embedding", "ReversibleEmbedding"})

# Layers that mean the same inside TimeDistributed as outside.
FRAME_BY_FRAME = ("Activation", "Dense", "Dropout", "LeakyReLU", "ReLU")

LAYERS: dict[str, Handler] = {
    "Activation": _activation,
    "Add": _merge("add"),
    "Attention": _attention,
    "AveragePooling1D": over_time.pooling("average"),
    "AveragePooling2D": over_time.pooling("average"),
    "BatchNormalization": _batch_norm,
    "Concatenate": _concatenate,
    "Conv1D": over_time.conv,
    "Conv2D": over_time.conv,
    "Cropping1D": over_time.cropping,
    "Cropping2D": over_time.cropping,
    "Dense": _dense,
    "DepthwiseConv1D": over_time.depthwise,
    "DepthwiseConv2D": over_time.depthwise,
    "Dropout": _same,
    "Embedding": _embedding,
    "GRU": _recurrent(cells.gru),
    "GaussianDropout": _same,
    "GaussianNoise": _same,
    "GlobalAveragePooling1D": _global_average,
    "GlobalAveragePooling2D": _global_average,
    "GlobalMaxPooling1D": _global_max,
    "GlobalMaxPooling2D": _global_max,
    "LSTM": _recurrent(cells.lstm),
    "LeakyReLU": _leaky_relu,
    "MaxPooling1D": over_time.pooling("max"),
    "MaxPooling2D": over_time.pooling("max"),
    "Multiply": _merge("mul"),
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "ReversibleEmbedding": _reversible_embedding,
    "SeparableConv1D": over_time.separable,
    "SeparableConv2D": over_time.separable,
    "SimpleRNN": _recurrent(cells.simple_rnn),
    "Softmax": _softmax,
    "SpatialDropout1D": _same,
    "SpatialDropout2D": _same,
    "Subtract": _merge("sub"),
    "TimeDistributed": _time_distributed,
    "ZeroPadding1D": over_time.zero_padding,
    "ZeroPadding2D": over_time.zero_padding,
}
