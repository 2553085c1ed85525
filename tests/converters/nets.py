"""Keras networks to convert: drawn at random, and small ones with a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from hypothesis import strategies as st
from keras import layers
from numpy.typing import NDArray

from edgenets.models import build
from edgenets.recipeparts import ModelRecipe

CHANNELS = 3  # of the input of drawn networks

# Frames a step that a drawn network may take at most.
LONGEST_STEP = 6

# Keyword networks of 50 to 80 thousand parameters.
KEYWORD_NETS = {
    "gru": ModelRecipe("kws-gru"),
    "lstm": ModelRecipe("kws-gru", cell="lstm", units=(64, 56)),
    "rnn": ModelRecipe("kws-gru", cell="rnn", units=(128, 112)),
    "dscnn": ModelRecipe("kws-dscnn", channels=(96,) * 5, dilations=(1, 1, 2, 2, 4)),
    "front": ModelRecipe("kws-gru", front=(16, 24, 32), stem_kernel=3),
}
BANDS, LABELS = 40, 12  # of the keyword networks

ACTIVATIONS = ["linear", "relu", "relu6", "sigmoid", "tanh", "softmax", "elu", "silu", "leaky_relu"]
ACTIVATIONS += ["hard_sigmoid", "hard_silu"]


@dataclass
class Drawing:
    """A network under construction."""

    draw: Callable[..., Any]
    x: Any  # keras tensor
    frames: int = 1  # product of the strides so far

    @property
    def channels(self) -> int:
        return int(self.x.shape[-1])

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def flag(self) -> bool:
        return self.draw(st.booleans())

    def stride(self) -> int:
        stride = self.pick(*(s for s in (1, 2, 3) if s * self.frames <= LONGEST_STEP))
        self.frames *= stride
        return stride

    def then(self, layer: Any) -> None:
        self.x = layer(self.x)


def conv(d: Drawing) -> None:
    stride = d.stride()
    d.then(
        layers.Conv1D(
            d.pick(1, 2, 4), d.pick(1, 2, 3, 5), strides=stride, padding=d.pick("causal", "valid"),
            dilation_rate=d.pick(1, 2, 3) if stride == 1 else 1, use_bias=d.flag(),
            activation=d.pick(*ACTIVATIONS),
        )
    )  # fmt: skip


def depthwise(d: Drawing) -> None:
    stride, kernel = d.stride(), d.pick(1, 2, 3, 5)
    dilation = d.pick(1, 2) if stride == 1 else 1
    if d.flag():
        d.then(layers.ZeroPadding1D(((kernel - 1) * dilation, 0)))
    d.then(
        layers.DepthwiseConv1D(
            kernel, strides=stride, dilation_rate=dilation, depth_multiplier=d.pick(1, 2),
            use_bias=d.flag(),
        )
    )  # fmt: skip


def separable(d: Drawing) -> None:
    stride, kernel = d.stride(), d.pick(2, 3)
    if d.flag():
        d.then(layers.ZeroPadding1D((d.pick(*range(kernel)), 0)))
    d.then(
        layers.SeparableConv1D(
            d.pick(1, 3), kernel, strides=stride, depth_multiplier=d.pick(1, 2), use_bias=d.flag(),
            activation=d.pick(*ACTIVATIONS),
        )
    )  # fmt: skip


def pool(d: Drawing) -> None:
    size, stride = d.pick(1, 2, 3, 4), d.stride()
    if d.flag():
        d.then(layers.ZeroPadding1D((size - 1, 0)))
    kind = d.pick(layers.AveragePooling1D, layers.MaxPooling1D)
    d.then(kind(size, strides=stride))


def recurrent(d: Drawing) -> None:
    units, bias = d.pick(1, 3), d.flag()
    cell = d.pick("gru", "gru-before", "lstm", "rnn")
    options: dict[str, Any] = {"return_sequences": True, "use_bias": bias}
    if cell == "rnn":
        d.then(layers.SimpleRNN(units, activation=d.pick("tanh", "sigmoid", "relu6"), **options))
        return
    options["activation"] = d.pick("tanh", "elu", "softmax")
    options["recurrent_activation"] = d.pick("sigmoid", "hard_sigmoid")
    if cell == "lstm":
        d.then(layers.LSTM(units, unit_forget_bias=bias, **options))
    else:
        d.then(layers.GRU(units, reset_after=cell == "gru", **options))


def pointwise(d: Drawing) -> None:
    kind = d.pick("dense", "norm", "activation", "relu", "leaky", "softmax", "dropout", "noise")
    d.then(
        {
            "dense": lambda: layers.Dense(d.pick(1, 4), activation=d.pick(*ACTIVATIONS)),
            "norm": lambda: layers.BatchNormalization(scale=d.flag(), center=d.flag()),
            "activation": lambda: layers.Activation(d.pick(*ACTIVATIONS)),
            "relu": lambda: layers.ReLU(max_value=d.pick(None, 6.0)),
            "leaky": lambda: layers.LeakyReLU(negative_slope=d.pick(0.01, 0.3)),
            "softmax": layers.Softmax,
            "dropout": lambda: d.pick(layers.Dropout, layers.SpatialDropout1D)(0.5),
            "noise": lambda: d.pick(layers.GaussianNoise, layers.GaussianDropout)(0.5),
        }[kind]()
    )


def crop(d: Drawing) -> None:
    d.then(layers.Cropping1D((d.pick(1, 2, 6), 0)))


def branch(d: Drawing) -> None:
    """A causal branch beside the stream, joined again."""
    entry = d.x
    kernel = d.pick(2, 3)
    if d.flag():
        d.then(layers.Conv1D(d.channels, kernel, padding="causal", dilation_rate=d.pick(1, 2)))
    else:
        d.then(layers.ZeroPadding1D((kernel - 1, 0)))
        d.then(layers.DepthwiseConv1D(kernel))
    if d.flag():
        d.then(layers.BatchNormalization())
    join = d.pick("add", "concatenate", "multiply", "subtract", "operator")
    if join == "operator":
        d.x = entry + d.x
    else:
        d.x = getattr(layers, join)([entry, d.x])


def bands(d: Drawing) -> None:
    """Two-dimensional layers: the frame becomes bands, and a vector again."""
    depth = d.pick(1, 2)
    if d.flag():
        d.then(layers.Dense(6 * depth))
        d.then(layers.Reshape((-1, 6, depth)))
    else:
        d.then(layers.Reshape((-1, d.channels, 1)))
    for _ in range(d.pick(1, 2)):
        d.pick(conv2d, depthwise2d, separable2d, pool2d, pointwise2d, branch2d)(d)
    d.then(d.pick(layers.TimeDistributed(layers.Flatten()), layers.Reshape((-1, _flat(d)))))


def _flat(d: Drawing) -> int:
    return int(d.x.shape[2] * d.x.shape[3])


def _kernel2d(d: Drawing, dilation: tuple[int, int] = (1, 1)) -> tuple[int, int]:
    """A kernel, after what padding it may have."""
    kernel = (d.pick(1, 2, 3), d.pick(*range(1, min(3, d.x.shape[2]) + 1)))
    if d.flag():
        low, high = d.pick(0, 1), d.pick(0, 1)
        d.then(layers.ZeroPadding2D((((kernel[0] - 1) * dilation[0], 0), (low, high))))
    return kernel


def conv2d(d: Drawing) -> None:
    frames = d.stride()
    dilation = (d.pick(1, 2), 1) if frames == 1 else (1, 1)
    if frames == 1 and d.flag():  # what looks at one frame alone may pad bands as it likes
        d.then(layers.Conv2D(2, (1, 3), padding="same"))
    kernel = _kernel2d(d, dilation)
    # TensorFlow 2.21 with oneDNN leaves a single band of a strided convolution uninitialised.
    strided = dilation == (1, 1) and d.x.shape[2] > kernel[1] + 1
    d.then(
        layers.Conv2D(
            d.pick(1, 3), kernel, strides=(frames, d.pick(1, 2) if strided else 1),
            dilation_rate=dilation, use_bias=d.flag(),
            activation=d.pick("linear", "relu", "tanh", "hard_silu"),
        )
    )  # fmt: skip


def depthwise2d(d: Drawing) -> None:
    # Keras has one stride for both directions here.
    d.then(layers.DepthwiseConv2D(_kernel2d(d), depth_multiplier=d.pick(1, 2), use_bias=d.flag()))


def separable2d(d: Drawing) -> None:
    d.then(layers.SeparableConv2D(2, _kernel2d(d), depth_multiplier=d.pick(1, 2)))


def pool2d(d: Drawing) -> None:
    kind = d.pick(layers.AveragePooling2D, layers.MaxPooling2D)
    stride = (d.stride(), d.pick(1, 2))
    d.then(kind(_kernel2d(d), strides=stride))


def pointwise2d(d: Drawing) -> None:
    d.then(
        d.pick(
            layers.BatchNormalization(), layers.Dense(2), layers.ReLU(), layers.Activation("tanh"),
            layers.SpatialDropout2D(0.5), layers.TimeDistributed(layers.Dense(3)),
        )
    )  # fmt: skip


def branch2d(d: Drawing) -> None:
    entry = d.x
    d.then(layers.ZeroPadding2D(((2, 0), (1, 1))))
    d.then(layers.Conv2D(d.channels, 3))
    axis = d.pick(None, 2, -1)
    d.then(layers.BatchNormalization())
    d.x = layers.add([entry, d.x]) if axis is None else layers.concatenate([entry, d.x], axis=axis)


def nested(d: Drawing) -> None:
    """Two blocks in a model of their own."""
    inside = Drawing(d.draw, layers.Input((None, d.channels)), d.frames)
    entry = inside.x
    for _ in range(2):
        d.pick(conv, recurrent, pointwise, branch)(inside)
    model = keras.Model(entry, inside.x)
    if d.flag():
        model = keras.Sequential([layers.Input((None, d.channels)), model])
    d.frames = inside.frames
    d.then(model)


BLOCKS = [conv, conv, depthwise, separable, pool, recurrent, recurrent, pointwise, pointwise]
BLOCKS += [crop, branch, nested, bands, bands]


def end(d: Drawing) -> None:
    """What may come last: nothing, or the end of time, and scores."""
    final = d.pick("sequence", "sequence", "gru", "lstm", "rnn", "average", "max")
    if final != "sequence":
        d.then(
            {
                "gru": lambda: layers.GRU(2, reset_after=d.flag()),
                "lstm": lambda: layers.LSTM(2),
                "rnn": lambda: layers.SimpleRNN(2),
                "average": lambda: layers.GlobalAveragePooling1D(keepdims=d.flag()),
                "max": layers.GlobalMaxPooling1D,
            }[final]()
        )
    if d.flag():
        d.then(layers.Dense(2, activation=d.pick("linear", "softmax")))


def drawn(draw: Callable[..., Any], blocks: int = 4) -> keras.Model:
    """A network of up to `blocks` blocks, with random weights and statistics."""
    entry = layers.Input((None, CHANNELS))
    d = Drawing(draw, entry)
    for _ in range(draw(st.integers(1, blocks))):
        d.pick(*BLOCKS)(d)
    end(d)
    return randomise(keras.Model(entry, d.x), draw(st.integers(0, 1 << 16)))


def keyword_net(name: str) -> keras.Model:
    """One of `KEYWORD_NETS`, with random weights."""
    return randomise(build(KEYWORD_NETS[name], BANDS, LABELS), 1)


def chain(*parts: Any, channels: int = CHANNELS, seed: int = 5) -> keras.Model:
    """A functional network of layers one after another, with random weights."""
    entry = x = layers.Input((None, channels))
    for layer in parts:
        x = layer(x)
    return randomise(keras.Model(entry, x), seed)


def randomise(model: keras.Model, seed: int, size: float = 1.0) -> keras.Model:
    """Give every weight, bias and statistic a random value."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        shape = tuple(variable.shape)
        if variable.name == "moving_variance":
            value = rng.uniform(0.3, 2.0, shape)
        elif variable.name == "gamma":
            value = rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)
        elif len(shape) < 2 or variable.name == "bias":
            value = 0.3 * rng.standard_normal(shape)
        else:
            value = size * rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))
        variable.assign(value.astype(np.float32))
    return model


def features(
    frames: int, channels: int = CHANNELS, clips: int = 1, seed: int = 0
) -> NDArray[np.float32]:
    """(clips, frames, channels), each channel a slow walk with noise, about as log-mel moves."""
    rng = np.random.default_rng(seed)
    slow = np.cumsum(rng.standard_normal((clips, frames, channels)), axis=1)
    slow -= slow.mean(axis=1, keepdims=True)
    slow /= np.maximum(np.abs(slow).max(axis=1, keepdims=True), 1e-9)
    return (1.5 * slow + 0.5 * rng.standard_normal(slow.shape)).astype(np.float32)
