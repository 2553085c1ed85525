"""Keras's convolutions, poolings and paddings over time, or over time and bands.

Time comes first in both: what is one-dimensional in Keras has one band here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import ConversionError

from .activations import activate
from .builder import Builder, Signal
from .graph import Pair

if TYPE_CHECKING:
    from keras import Layer, Variable

Handler = Callable[[Builder, list[Signal], "Layer", str], Signal]


def array(value: Variable) -> NDArray[np.float32]:
    """A Keras variable in NumPy."""
    return np.asarray(value, np.float32)


def bias(layer: Layer, size: int) -> NDArray[np.float32]:
    """A layer's bias, or zeros."""
    return array(layer.bias) if layer.use_bias else np.zeros(size, np.float32)


def finish(b: Builder, out: Signal, layer: Layer, name: str) -> Signal:
    """Apply a layer's own activation."""
    if out.bands and getattr(layer.activation, "__name__", "") == "softmax":
        raise ConversionError(f"layer '{name}': a softmax in every band has no step form")
    return replace(out, tensor=activate(b, layer.activation, out.tensor, name))


def one(inputs: list[Signal], name: str) -> Signal:
    """The only input of a layer."""
    if len(inputs) != 1:
        raise ConversionError(
            f"layer '{name}' is called with {len(inputs)} tensors; its step form takes one"
        )
    return inputs[0]


def conv(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    """Conv1D and Conv2D."""
    if layer.groups != 1:
        raise ConversionError(f"layer '{name}' has {layer.groups} groups; only 1 has a step form")
    x = _padded(b, one(inputs, name), layer, name, pads_with_zeros=True)
    weights = _kernel(layer.kernel)
    out = b.conv(
        x,
        weights,
        bias(layer, weights.shape[3]),
        _pair(layer.strides),
        _pair(layer.dilation_rate),
        name,
    )
    return finish(b, out, layer, name)


def depthwise(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    """DepthwiseConv1D and DepthwiseConv2D."""
    x = _padded(b, one(inputs, name), layer, name, pads_with_zeros=True)
    weights = _kernel(layer.kernel)
    out = b.depthwise(
        x,
        weights,
        bias(layer, weights.shape[2] * weights.shape[3]),
        _pair(layer.strides),
        _pair(layer.dilation_rate),
        name,
    )
    return finish(b, out, layer, name)


def separable(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    """SeparableConv1D and SeparableConv2D."""
    x = _padded(b, one(inputs, name), layer, name, pads_with_zeros=True)
    spread, pointwise = _kernel(layer.depthwise_kernel), _kernel(layer.pointwise_kernel)
    middle = np.zeros(pointwise.shape[2], np.float32)
    out = b.depthwise(x, spread, middle, _pair(layer.strides), _pair(layer.dilation_rate), name)
    out = b.conv(out, pointwise, bias(layer, pointwise.shape[3]), (1, 1), (1, 1), name)
    return finish(b, out, layer, name)


def pooling(kind: Literal["average", "max"]) -> Handler:
    """AveragePooling and MaxPooling, 1D and 2D."""

    def handler(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
        x = _padded(b, one(inputs, name), layer, name, pads_with_zeros=False)
        return b.pool(x, kind, _pair(layer.pool_size), _pair(layer.strides), name)

    return handler


def zero_padding(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    """ZeroPadding1D and ZeroPadding2D."""
    (first, last), (low, high) = _edges(layer.padding)
    if last:
        raise ConversionError(
            f"layer '{name}' pads {last} frames at the end of time; use left only"
        )
    x = b.pad_bands(one(inputs, name), low, high, name)
    return replace(x, padding=x.padding + first)


def cropping(b: Builder, inputs: list[Signal], layer: Layer, name: str) -> Signal:
    """Cropping1D and Cropping2D."""
    x = one(inputs, name)
    (first, last), (low, high) = _edges(layer.cropping)
    if last:
        raise ConversionError(f"layer '{name}' crops the end, which looks ahead in time")
    if low or high:
        bands = x.bands - low - high
        tensor = b.slice(x.tensor, 1, low * x.depth, bands * x.depth, name, "cropped")
        x = replace(x, tensor=tensor, bands=bands, channels=bands * x.depth)
    taken = min(first, x.padding)
    return replace(x, padding=x.padding - taken, delay=x.delay + first - taken)


def _edges(padding: Any) -> tuple[Pair, Pair]:
    """Of time, and of bands."""
    if isinstance(padding[0], int):
        return (padding[0], padding[1]), (0, 0)
    (first, last), (low, high) = padding
    return (first, last), (low, high)


def _pair(value: Any) -> Pair:
    """Keras's tuple of one number, or of two."""
    return int(value[0]), int(value[1]) if len(value) > 1 else 1


def _kernel(value: Variable) -> NDArray[np.float32]:
    """(frames, bands, …), with one band where Keras has none."""
    weights = array(value)
    return weights if weights.ndim == 4 else weights[:, None]


def _padded(b: Builder, x: Signal, layer: Layer, name: str, *, pads_with_zeros: bool) -> Signal:
    """The layer's own padding, before what it looks at."""
    kernel = _pair(layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size)
    dilation, stride = _pair(getattr(layer, "dilation_rate", (1,))), _pair(layer.strides)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if layer.padding == "causal":
        return replace(x, padding=x.padding + reach[0] - 1)
    if layer.padding == "valid":
        return x
    if reach[0] > 1 or stride[0] > 1:
        raise ConversionError(
            f"layer '{name}' has padding='same', which looks ahead in time; use "
            + (
                f"ZeroPadding2D((({reach[0] - 1}, 0), (0, 0)))"
                if x.bands
                else f"padding='causal', or ZeroPadding1D(({reach[0] - 1}, 0))"
            )
            + " before padding='valid'"
        )
    missing = max(0, (-(-x.rows // stride[1]) - 1) * stride[1] + reach[1] - x.rows)
    if missing and not pads_with_zeros:
        raise ConversionError(
            f"layer '{name}' has padding='same' and {x.rows} bands, which its windows do not fill; "
            f"use padding='valid'"
        )
    return b.pad_bands(x, missing // 2, missing - missing // 2, name)
