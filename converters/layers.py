"""Keras layers as operations of the step graph: `LAYERS` is the table of what can be walked.

A layer that looks ahead in time ends the walk with an error that names it and the way out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import ConversionError

from . import cells
from .activations import activate
from .builder import Builder, Signal

Handler = Callable[[Builder, list[Signal], Any, str], Signal]


def _array(value: Any) -> NDArray[np.float32]:
    return np.asarray(value, np.float32)


def _bias(layer: Any, size: int) -> NDArray[np.float32]:
    return _array(layer.bias) if layer.use_bias else np.zeros(size, np.float32)


def _finish(b: Builder, out: Signal, layer: Any, name: str) -> Signal:
    """Apply a layer's own activation."""
    return replace(out, tensor=activate(b, layer.activation, out.tensor, name))


def _one(inputs: list[Signal], name: str) -> Signal:
    if len(inputs) != 1:
        raise ConversionError(
            f"layer '{name}' is called with {len(inputs)} tensors; its step form takes one"
        )
    return inputs[0]


def _padded(b: Builder, x: Signal, layer: Any, name: str) -> Signal:
    """The layer's own padding, before what it looks at."""
    kernel = _single(layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size)
    reach = (kernel - 1) * _single(getattr(layer, "dilation_rate", 1)) + 1
    if layer.padding == "causal":
        return replace(x, padding=x.padding + reach - 1)
    if layer.padding == "same" and (reach > 1 or _single(layer.strides) > 1):
        raise ConversionError(
            f"layer '{name}' has padding='same', which looks ahead in time; use "
            f"padding='causal', or ZeroPadding1D(({reach - 1}, 0)) before padding='valid'"
        )
    return x


def _single(value: Any) -> int:
    return int(value[0] if isinstance(value, (tuple, list)) else value)


def _channels_last(layer: Any, name: str) -> None:
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise ConversionError(f"layer '{name}' is channels_first; build it channels_last")


def _conv(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    _channels_last(layer, name)
    if layer.groups != 1:
        raise ConversionError(f"layer '{name}' has {layer.groups} groups; only 1 has a step form")
    x = _padded(b, _one(inputs, name), layer, name)
    weights = _array(layer.kernel)
    out = b.conv(
        x, weights, _bias(layer, weights.shape[2]), _single(layer.strides),
        _single(layer.dilation_rate), name,
    )  # fmt: skip
    return _finish(b, out, layer, name)


def _depthwise(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    _channels_last(layer, name)
    x = _padded(b, _one(inputs, name), layer, name)
    weights = _array(layer.kernel)
    out = b.depthwise(
        x, weights, _bias(layer, weights.shape[1] * weights.shape[2]), _single(layer.strides),
        _single(layer.dilation_rate), name,
    )  # fmt: skip
    return _finish(b, out, layer, name)


def _separable(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    _channels_last(layer, name)
    x = _padded(b, _one(inputs, name), layer, name)
    depthwise = _array(layer.depthwise_kernel)
    pointwise = _array(layer.pointwise_kernel)
    middle = np.zeros(pointwise.shape[1], np.float32)
    out = b.depthwise(
        x, depthwise, middle, _single(layer.strides), _single(layer.dilation_rate), name
    )
    out = b.conv(out, pointwise, _bias(layer, pointwise.shape[2]), 1, 1, name)
    return _finish(b, out, layer, name)


def _dense(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    x = _one(inputs, name)
    weights = _array(layer.kernel)
    tensor = b.linear(x.tensor, weights, _bias(layer, weights.shape[1]), name)
    return _finish(b, replace(x, tensor=tensor, channels=weights.shape[1]), layer, name)


def _batch_norm(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    x = _one(inputs, name)
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    if not _over_channels(axis, x):
        raise ConversionError(
            f"layer '{name}' normalises axis {axis}; only channels have a step form"
        )
    mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
    factor = 1.0 / np.sqrt(variance.astype(np.float64) + layer.epsilon)
    if layer.scale:
        factor = factor * _array(layer.gamma)
    offset = (_array(layer.beta) if layer.center else 0.0) - mean * factor
    return replace(x, tensor=b.scale(x.tensor, factor, offset, name))


def _recurrent(cell: Callable[[Builder, Signal, Any, str], Signal]) -> Handler:
    return lambda b, inputs, layer, name: cell(b, _one(inputs, name), layer, name)


def _same(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    """A layer that does nothing at inference."""
    return _one(inputs, name)


def _activation(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    return _finish(b, _one(inputs, name), layer, name)


def _relu(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    x = _one(inputs, name)
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


def _leaky_relu(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    x = _one(inputs, name)
    return replace(x, tensor=b.activation("leaky_relu", x.tensor, name, layer.negative_slope))


def _softmax(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    x = _one(inputs, name)
    if not _over_channels(layer.axis, x):
        raise ConversionError(
            f"layer '{name}' is a softmax over axis {layer.axis}; only channels (-1) have a step "
            f"form"
        )
    return replace(x, tensor=b.activation("softmax", x.tensor, name))


def _merge(kind: str) -> Handler:
    def handler(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
        _together(inputs, name)
        tensor = inputs[0].tensor
        for other in inputs[1:]:
            tensor = b.binary(kind, tensor, other.tensor, name)
        return replace(inputs[0], tensor=tensor, channels=max(s.channels for s in inputs))

    return handler


def _concatenate(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    _together(inputs, name)
    if not _over_channels(layer.axis, inputs[0]):
        raise ConversionError(f"layer '{name}' concatenates along axis {layer.axis}; use channels")
    tensor = b.concat([s.tensor for s in inputs], 1, name)
    return replace(inputs[0], tensor=tensor, channels=sum(s.channels for s in inputs))


def _over_channels(axis: Any, x: Signal) -> bool:
    """Whether an axis of a Keras tensor, batch included, is the channels."""
    return axis in (-1, 2) or (axis == 1 and not x.sequence)


def _together(inputs: list[Signal], name: str) -> None:
    if len(inputs) < 2:
        raise ConversionError(
            f"layer '{name}' joins a tensor with a constant; write that as a layer, such as Dense "
            f"or BatchNormalization"
        )
    if len({(s.frames, s.delay, s.sequence) for s in inputs}) != 1:
        lags = ", ".join(f"{s.frames} a step, {s.delay} late" for s in inputs)
        raise ConversionError(
            f"layer '{name}' joins branches that are not in step with each other ({lags} frames); "
            f"use causal padding in all of them"
        )


def _zero_padding(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    x = _one(inputs, name)
    left, right = layer.padding
    if right:
        raise ConversionError(
            f"layer '{name}' pads {right} frames at the end of time; use left only"
        )
    return replace(x, padding=x.padding + left)


def _cropping(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    x = _one(inputs, name)
    left, right = layer.cropping
    if right:
        raise ConversionError(f"layer '{name}' crops the end, which looks ahead in time")
    taken = min(left, x.padding)
    return replace(x, padding=x.padding - taken, delay=x.delay + left - taken)


def _pooling(kind: str) -> Handler:
    def handler(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
        _channels_last(layer, name)
        x = _padded(b, _one(inputs, name), layer, name)
        return b.pool(x, kind, _single(layer.pool_size), _single(layer.strides), name)  # type: ignore[arg-type]

    return handler


def _global_average(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    """The mean of all frames so far: a sum and a count as state, which stay float."""
    x = _one(inputs, name)
    before = total = b.recurrent_state(x, x.channels, name, "sum")
    count = b.recurrent_state(x, 1, name, "count")
    for frame in range(x.frames):
        total = b.binary("add", total, b.slice(x.tensor, 0, frame, 1, name), name)
    new = b.constant(np.full((1, 1), x.frames, np.float32), name)
    counted = b.binary("add", count, new, name)
    b.close_state(x, before, total, name, float_only=True)
    b.close_state(x, count, counted, name, float_only=True)
    mean = b.binary("div", total, counted, name)
    return Signal(mean, 1, x.channels, delay=x.delay // x.frames, sequence=False)


def _global_max(b: Builder, inputs: list[Signal], layer: Any, name: str) -> Signal:
    """The maximum of all frames so far."""
    x = _one(inputs, name)
    before = peak = b.recurrent_state(x, x.channels, name, "peak")
    for frame in range(x.frames):
        peak = b.binary("max", peak, b.slice(x.tensor, 0, frame, 1, name), name)
    lowest = float(np.finfo(np.float32).min)
    b.close_state(x, before, peak, name, initial=lowest, float_only=True)
    return Signal(peak, 1, x.channels, delay=x.delay // x.frames, sequence=False)


# Layers whose state grows without bound, so that no integer could hold it.
UNBOUNDED = ("GlobalAveragePooling1D", "GlobalMaxPooling1D")

# Layers that take up left padding, or hand it on unchanged.
TAKES_PADDING = frozenset({
    "AveragePooling1D", "Conv1D", "Cropping1D", "DepthwiseConv1D", "Dropout", "GaussianDropout",
    "GaussianNoise", "LeakyReLU", "MaxPooling1D", "ReLU", "SeparableConv1D", "SpatialDropout1D",
    "ZeroPadding1D",
})  # fmt: skip

LAYERS: dict[str, Handler] = {
    "Activation": _activation,
    "Add": _merge("add"),
    "AveragePooling1D": _pooling("average"),
    "BatchNormalization": _batch_norm,
    "Concatenate": _concatenate,
    "Conv1D": _conv,
    "Cropping1D": _cropping,
    "Dense": _dense,
    "DepthwiseConv1D": _depthwise,
    "Dropout": _same,
    "GRU": _recurrent(cells.gru),
    "GaussianDropout": _same,
    "GaussianNoise": _same,
    "GlobalAveragePooling1D": _global_average,
    "GlobalMaxPooling1D": _global_max,
    "LSTM": _recurrent(cells.lstm),
    "LeakyReLU": _leaky_relu,
    "MaxPooling1D": _pooling("max"),
    "Multiply": _merge("mul"),
    "ReLU": _relu,
    "SeparableConv1D": _separable,
    "SimpleRNN": _recurrent(cells.simple_rnn),
    "Softmax": _softmax,
    "SpatialDropout1D": _same,
    "Subtract": _merge("sub"),
    "ZeroPadding1D": _zero_padding,
}
