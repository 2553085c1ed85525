"""Small networks of every kind that is converted as a whole, and models of them as files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from edgenets.converters.sources.source import Source

STEPS, WIDTH = 12, 6


def sequence(*inside: Any) -> keras.Model:
    """A Sequential over (time, 6)."""
    return keras.Sequential([layers.Input((None, WIDTH), name="features"), *inside])


def branches() -> keras.Model:
    """Two inputs, two outputs."""
    a = keras.Input((None, WIDTH), name="sound")
    b = keras.Input((5,), name="side")
    both = layers.Concatenate()([layers.GRU(4)(a), b])
    return keras.Model(
        {"sound": a, "side": b}, [layers.Dense(3, name="first")(both), layers.Dense(2)(b)]
    )


def states() -> keras.Model:
    entry = keras.Input((None, WIDTH))
    return keras.Model(entry, layers.LSTM(4, return_state=True)(entry))


def tokens() -> keras.Model:
    return keras.Sequential(
        [layers.Input((None,), dtype="int32"), layers.Embedding(9, 4), layers.GRU(5)]
    )


def products() -> keras.Model:
    """Dense layers behind one another, which OpenVINO's plugin makes one kernel of."""
    kinds = (layers.Dense(16, "relu"), layers.Dense(8, "relu"), layers.Dense(4))
    return keras.Sequential([layers.Input((12,), name="features"), *kinds])


def images() -> keras.Model:
    """A residual network with padding on both sides, as no stream could have it."""
    entry = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(8, 3, 2, padding="same", use_bias=False)(entry)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    y = layers.Activation("hard_silu")(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.Add()([x, layers.Conv2D(8, 1)(y)])
    return keras.Model(entry, layers.Dense(4, "softmax")(layers.GlobalAveragePooling2D()(x)))


NETS: dict[str, Callable[[], keras.Model]] = {
    "gru": lambda: sequence(layers.GRU(8, return_sequences=True), layers.GRU(8), layers.Dense(4)),
    "gru before": lambda: sequence(layers.GRU(8, reset_after=False), layers.Dense(4)),
    "bidirectional": lambda: sequence(
        layers.Bidirectional(layers.LSTM(5, return_sequences=True)),
        layers.Bidirectional(layers.GRU(4)), layers.Dense(3),
    ),
    "masking": lambda: sequence(layers.Masking(), layers.LSTM(6), layers.Dense(4)),
    "time distributed": lambda: sequence(
        layers.TimeDistributed(layers.Dense(5, "gelu")), layers.SimpleRNN(6, return_sequences=True),
        layers.GlobalAveragePooling1D(), layers.Dense(3),
    ),
    "nested": lambda: sequence(
        keras.Sequential([layers.Input((None, WIDTH)), layers.GRU(5, return_sequences=True)]),
        layers.LSTM(4),
    ),
    "branches": branches,
    "states": states,
    "tokens": tokens,
    "images": images,
    "products": products,
}  # fmt: skip


def built(name: str, seed: int = 0) -> keras.Model:
    """A network with weights of a seed; no bias is nought."""
    keras.utils.set_random_seed(seed)
    model = NETS[name]()
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        if len(variable.shape) == 1:
            variable.assign(np.asarray(variable) + 0.2 * rng.standard_normal(variable.shape))
    return model


def items(source: Source, count: int, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Numbers that a source takes; where it is open, of `STEPS`."""
    rng = np.random.default_rng(seed)
    found: dict[str, NDArray[Any]] = {}
    for info in source.inputs:
        shape = (count, *(STEPS if d < 0 else d for d in info.shape[1:]))
        if info.dtype == "float32":
            found[info.name] = rng.standard_normal(shape).astype(np.float32)
        else:
            found[info.name] = rng.integers(0, 9, shape).astype(info.dtype)
    return found
