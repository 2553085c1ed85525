"""Keras models, such that TensorFlow traces of them what converters take.

For as long as a model is traced, recurrent layers have no loops and no memory of the call before,
and operations that Keras computes in ways of its own are those that TensorFlow has.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from edgenets.extras import optional, require

if TYPE_CHECKING:
    from keras import Layer, Model

_KERAS = "keras.src.backend.tensorflow"


@contextmanager
def traceable(model: Model) -> Iterator[None]:
    """Let a model be traced, for as long as this lasts."""
    with ExitStack() as stack:
        stack.enter_context(_unrolled(model))
        stack.enter_context(_replaced(f"{_KERAS}.nn", "conv", _by_groups))
        stack.enter_context(_replaced(f"{_KERAS}.numpy", "argmax", _plain_argmax))
        yield


def within(layer: Layer) -> Iterator[Layer]:
    """A layer and all that it is made of, models in models and wrapped layers."""
    yield layer
    parts = list(getattr(layer, "layers", ()))
    parts += [
        getattr(layer, name)
        for name in ("layer", "forward_layer", "backward_layer")
        if hasattr(layer, name)
    ]
    for part in parts:
        yield from within(part)


@contextmanager
def _unrolled(model: Model) -> Iterator[None]:
    """Recurrent layers without their loops, each call from the beginning."""
    layers = [layer for layer in within(model) if hasattr(layer, "unroll")]
    before = [(layer.unroll, layer.zero_output_for_mask, layer.stateful) for layer in layers]
    for layer in layers:
        layer.unroll, layer.stateful = True, False
        if layer.zero_output_for_mask:
            layer.zero_output_for_mask = False
            object.__setattr__(layer, "call", _zeroing(layer))  # Keras would track it as a part
    try:
        yield
    finally:
        for layer, (unroll, zeroing, stateful) in zip(layers, before, strict=True):
            layer.unroll, layer.zero_output_for_mask, layer.stateful = unroll, zeroing, stateful
            vars(layer).pop("call", None)


def _zeroing(layer: Layer) -> Callable[..., object]:
    """A recurrent layer's call that gives zeros where the mask hides a step.

    Keras does so itself, but unrolled it takes the mask in the order of time where a layer that
    goes backwards gives its answers the other way round.
    """
    keras, plain = require("keras"), layer.call

    @functools.wraps(plain)
    def call(sequences: Any, *values: Any, mask: Any = None, **options: Any) -> Any:
        found = plain(sequences, *values, mask=mask, **options)
        if mask is None:
            return found
        outputs, *states = found if layer.return_state else (found,)
        seen = keras.ops.flip(mask, axis=1) if layer.go_backwards else mask
        seen = seen if layer.return_sequences else seen[:, -1]
        outputs = keras.ops.where(seen[..., None], outputs, keras.ops.zeros_like(outputs))
        return (outputs, *states) if layer.return_state else outputs

    return call


@contextmanager
def _replaced(module: str, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """A function of Keras's own, as another one that is made of it."""
    found = optional(module, (name,), without=f"networks with {name} may not convert")
    if found is None:
        yield
        return
    home = require(module)
    setattr(home, name, make(found[0]))
    try:
        yield
    finally:
        setattr(home, name, found[0])


def _by_groups(plain: Callable[..., object]) -> Callable[..., object]:
    """Convolutions of groups as several of one group.

    Keras leaves those to XLA, whose results have no shape before they are computed.
    """
    tf, keras = require("tensorflow"), require("keras")

    @functools.wraps(plain)
    def conv(inputs: Any, kernel: Any, *options: Any, **named: Any) -> object:
        given = named.get("data_format") or (options[2] if len(options) > 2 else None)
        last = (given or keras.config.image_data_format()) == "channels_last"
        axis = -1 if last else 1
        groups = inputs.shape[axis] // kernel.shape[-2]
        if groups == 1:
            return plain(inputs, kernel, *options, **named)
        parts = zip(tf.split(inputs, groups, axis), tf.split(kernel, groups, -1), strict=True)
        return tf.concat([plain(x, k, *options, **named) for x, k in parts], axis)

    return conv


def _plain_argmax(plain: Callable[..., object]) -> Callable[..., object]:
    """TensorFlow's own: Keras's looks at the bits of negative zeros, by operators that no board
    has."""
    tf = require("tensorflow")

    @functools.wraps(plain)
    def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> object:
        given = tf.convert_to_tensor(x)
        if axis is None:
            places = tf.argmax(tf.reshape(given, [-1]), 0, tf.int32)
            return tf.reshape(places, [1] * len(given.shape)) if keepdims else places
        places = tf.argmax(given, axis, tf.int32)
        return tf.expand_dims(places, axis) if keepdims else places

    return argmax
