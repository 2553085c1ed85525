"""What cannot be converted is refused with the layer's name and the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edgenets.converters import formats
from edgenets.converters.step.convert import convert
from edgenets.converters.step.walk import walk
from edgenets.errors import ConversionError, UnsupportedPrecision
from edgenets.recipeparts import QuantizeRecipe
from tests.converters import nets


class Doubled(layers.Layer):
    """A layer of the user's own."""

    def call(self, x: Any) -> Any:
        return 2 * x


class Dense(layers.Dense):
    """A layer of the user's own that is called as the one of Keras that it extends."""

    def call(self, x: Any) -> Any:
        return 2 * super().call(x)


def impostor() -> layers.Layer:
    """A layer of the user's own that is called as one of Keras's."""
    return type("ReLU", (Doubled,), {})(name="own")


class Subclassed(keras.Model):
    """A model whose layers no config tells."""

    def __init__(self) -> None:
        super().__init__(name="own")
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def entry(channels: int | None = 4, frames: int | None = None) -> Any:
    return layers.Input((frames, channels))


def after(*chain: Any) -> Callable[[], keras.Model]:
    """A model of layers one after another, built when it is wanted."""

    def build() -> keras.Model:
        first = x = entry()
        for layer in chain:
            x = layer(x)
        return keras.Model(first, x)

    return build


def banded(*chain: Any, flat: bool = True) -> Callable[[], keras.Model]:
    """A model of layers over six bands of two channels, flattened at the end or not."""
    first = [layers.Dense(12), layers.Reshape((-1, 6, 2))]
    return after(*first, *chain, *[layers.TimeDistributed(layers.Flatten())] * flat)


def bands_joined(join: Any, one: tuple[int, int], other: tuple[int, int]) -> keras.Model:
    """Two branches of so many bands and channels in one layer, flattened."""
    x = entry()
    branches = [
        layers.Reshape((-1, *shape))(layers.Dense(shape[0] * shape[1])(x)) for shape in (one, other)
    ]
    return keras.Model(x, layers.TimeDistributed(layers.Flatten())(join(branches)))


def joined(one: Any, other: Any, join: Any) -> Callable[[], keras.Model]:
    """Two branches of the input in one layer."""
    return lambda: keras.Model(x := entry(), join([one(x), other(x)]))


def states() -> keras.Model:
    x = entry()
    return keras.Model(x, layers.GRU(2, return_state=True, name="cell")(x)[0])


def given_state() -> keras.Model:
    x = entry()
    first = layers.GRU(2)(x)
    return keras.Model(x, layers.GRU(2, name="cell")(x, initial_state=first))


def two_inputs() -> keras.Model:
    a, b = entry(), entry()
    return keras.Model([a, b], layers.Add(name="sum")([a, b]), name="two")


def two_outputs_within() -> keras.Model:
    x = entry()
    inner = keras.Model(x, [layers.Dense(2)(x), layers.Dense(2)(x)], name="two")
    return keras.Model(y := entry(), layers.Add()(inner(y)))


def plus_one() -> keras.Model:
    x = entry()
    return keras.Model(x, x + 1.0)


def in_training() -> keras.Model:
    x = entry()
    return keras.Model(x, layers.Dropout(0.5, name="drop")(x, training=True))


def quantized_by_keras() -> keras.Model:
    model = nets.chain(layers.Dense(4, name="dense"))
    model.quantize("int8")
    return model


def weightless() -> keras.Model:
    model = nets.chain(layers.Dense(4, name="dense"))
    model.set_weights([np.full(w.shape, np.nan) for w in model.get_weights()])
    return model


# what is wrong → the model, the layer or model that is named, and the way out
REFUSED: dict[str, tuple[Callable[[], keras.Model], str, str]] = {
    "same padding": (
        after(layers.Conv1D(2, 3, padding="same", name="wide")), "wide", "padding='causal'",
    ),
    "same padding, depthwise": (
        after(layers.DepthwiseConv1D(5, padding="same", name="wide")), "wide",
        r"ZeroPadding1D\(\(4, 0\)\)",
    ),
    "same padding, pooling": (
        after(layers.MaxPooling1D(2, padding="same", name="wide")), "wide", "padding='valid'",
    ),
    "same padding, separable": (
        after(layers.SeparableConv1D(2, 3, padding="same", name="wide")), "wide", "ZeroPadding1D",
    ),
    "same padding over bands": (
        banded(layers.Conv2D(2, 3, padding="same", name="wide")), "wide",
        r"ZeroPadding2D\(\(\(2, 0\), \(0, 0\)\)\)",
    ),
    "same pooling of bands": (
        banded(layers.MaxPooling2D((1, 4), padding="same", name="wide")), "wide",
        "do not fill; use padding='valid'",
    ),
    "padding of the end": (
        banded(layers.ZeroPadding2D(((1, 1), (0, 0)), name="pad")), "pad", "end of time",
    ),
    "cropping of the end": (
        banded(layers.Cropping2D(((0, 1), (0, 0)), name="crop")), "crop", "looks ahead",
    ),
    "bands to the end": (banded(layers.ReLU(name="last"), flat=False), "last", "Reshape"),
    "frames regrouped": (
        banded(layers.Reshape((-1, 4), name="regrouped"), flat=False), "regrouped",
        r"keeps frames as they are: \(-1, 12\)",
    ),
    "softmax in bands": (banded(layers.Softmax(name="soft")), "soft", "without bands"),
    "softmax in bands, as an activation": (
        banded(layers.Conv2D(2, 1, activation="softmax", name="soft")), "soft", "in every band",
    ),
    "bands of different channels": (
        lambda: bands_joined(layers.Multiply(name="join"), (4, 1), (4, 2)), "join",
        "different numbers of channels",
    ),
    "different bands": (
        lambda: bands_joined(layers.Add(name="join"), (4, 2), (1, 2)), "join",
        "different numbers of bands",
    ),
    "bidirectional": (
        after(layers.Bidirectional(layers.GRU(2), name="both")), "both", "layers that have: .*GRU",
    ),
    "time distributed": (
        after(layers.TimeDistributed(layers.LayerNormalization(), name="each")), "each",
        r"TimeDistributed\(LayerNormalization\) has no step form",
    ),
    "time distributed, the user's own": (
        after(layers.TimeDistributed(Dense(2), name="each")), "each", r"Dense of tests\.converters",
    ),
    "channels first, padding": (
        banded(layers.ZeroPadding2D(((1, 0), (0, 0)), data_format="channels_first", name="pad")),
        "pad", "channels_last",
    ),
    "channels first, cropping": (
        banded(layers.Cropping2D(((0, 0), (1, 0)), data_format="channels_first", name="crop")),
        "crop", "channels_last",
    ),
    "channels first, mean": (
        banded(layers.Dense(6), layers.GlobalAveragePooling2D(data_format="channels_first",
               name="mean"), flat=False), "mean", "channels_last",
    ),
    "softmax of a kept axis": (
        after(layers.GlobalAveragePooling1D(keepdims=True), layers.Softmax(axis=1, name="soft")),
        "soft", "over the channels",
    ),
    "backwards": (after(layers.GRU(2, go_backwards=True, name="cell")), "cell", "backwards"),
    "backwards LSTM": (after(layers.LSTM(2, go_backwards=True, name="cell")), "cell", "backwards"),
    "returned state": (states, "cell", "step model carries it itself"),
    "given state": (given_state, "cell", "takes one"),
    "softmax gates": (
        after(layers.GRU(2, recurrent_activation="softmax", name="cell")), "cell", "use sigmoid",
    ),
    "unknown layer": (after(layers.LayerNormalization(name="norm")), "norm", "layers that have"),
    "custom layer": (after(Doubled(name="own")), "own", "Doubled of .*layers that have"),
    "custom layer of a known name": (after(impostor()), "own", "ReLU of tests"),
    "unknown activation": (
        after(layers.Dense(2, activation="sparsemax", name="odd")), "odd",
        "those that have: .*relu",
    ),
    "subclassed model": (Subclassed, "own", "Sequential or functional"),
    "never built": (lambda: keras.Sequential([layers.Dense(2)], name="raw"), "raw", r"Input\("),
    "two inputs": (two_inputs, "sum", "beside the sequence"),
    "a nested model of two outputs": (two_outputs_within, "two", "several outputs"),
    "right padding": (after(layers.ZeroPadding1D((1, 2), name="pad")), "pad", "left only"),
    "right cropping": (after(layers.Cropping1D((0, 1), name="crop")), "crop", "looks ahead"),
    "padding of no use": (
        after(layers.ZeroPadding1D((4, 0)), layers.Conv1D(2, 3, name="conv")), "conv", "pad by 2",
    ),
    "padding before a bias": (
        after(layers.ZeroPadding1D((2, 0)), layers.Dense(4, name="dense"), layers.Conv1D(2, 3)),
        "dense", "padding right before",
    ),
    "padding before a cell": (
        after(layers.ZeroPadding1D((2, 0)), layers.GRU(4, name="cell")), "cell",
        "padding right before",
    ),
    "padding at the end": (
        after(layers.ZeroPadding1D((2, 0), name="pad")), "pad", "leave them out",
    ),
    "channels first": (
        after(layers.MaxPooling1D(2, data_format="channels_first", name="pool")), "pool",
        "channels_last",
    ),
    "unaligned": (
        joined(
            layers.Conv1D(4, 3, padding="causal"), layers.Conv1D(4, 3), layers.Add(name="join")
        ),
        "join", "2 late.*causal padding in all",
    ),
    "unaligned by a stride": (
        joined(layers.MaxPooling1D(2), layers.ReLU(), layers.Concatenate(name="join")),
        "join", "1 a step.*2 a step",
    ),
    "a vector and a sequence": (
        joined(layers.GRU(4), layers.ReLU(), layers.Multiply(name="join")), "join", "not in step",
    ),
    "joined in time": (
        joined(layers.ReLU(), layers.ReLU(), layers.Concatenate(axis=1, name="join")),
        "join", "use channels",
    ),
    "odd ReLU": (after(layers.ReLU(max_value=1.0, name="clip")), "clip", "max_value 6"),
    "leaky ReLU6": (
        after(layers.ReLU(max_value=6.0, negative_slope=0.1, name="clip")), "clip", "or neither",
    ),
    "ReLU with threshold": (after(layers.ReLU(threshold=1.0, name="clip")), "clip", "threshold"),
    "groups": (after(layers.Conv1D(4, 3, groups=2, padding="causal", name="g")), "g", "only 1"),
    "softmax over time": (after(layers.Softmax(axis=1, name="soft")), "soft", "over the channels"),
    "normalized time": (
        lambda: keras.Model(x := entry(frames=8), layers.BatchNormalization(axis=1, name="n")(x)),
        "n", "only channels",
    ),
    "plus a constant": (plus_one, "add", "joins a tensor with a constant"),
    "Dropout in training": (in_training, "drop", "training=True.*call it without"),
    "uneven hold": (
        after(layers.Conv1D(4, 2), layers.GRU(2, return_sequences=True, name="cell"),
              layers.Conv1D(2, 2, strides=2)),
        "cell", "causal padding before it",
    ),
    "wrong rank": (
        lambda: keras.Model(x := layers.Input((8,)), layers.Dense(2)(x), name="flat"), "flat",
        r"\(batch, time, channels\)",
    ),
    "open channels": (
        lambda: keras.Model(x := entry(None), layers.ReLU()(x), name="open"), "open",
        "time alone left open",
    ),
    "quantized by Keras": (quantized_by_keras, "dense", "convert the float model"),
    "weights of NaN": (weightless, "dense", "train the model again"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused(case: str) -> None:
    build, name, way_out = REFUSED[case]
    # The user's own name, not a part of another; Keras numbers those that it makes itself.
    with pytest.raises(ConversionError, match=rf"(?s)'{name}(_\d+)?'.*({way_out})"):
        walk(build())


def test_a_layer_in_a_nested_model_is_named_with_it() -> None:
    inner = keras.Sequential(
        [entry(), layers.Conv1D(4, 3, padding="same", name="wide")], name="block"
    )
    with pytest.raises(ConversionError, match="'block/wide'"):
        walk(after(inner)())


# -- what `convert` is asked for ----------------------------------------------------------------


@pytest.fixture
def model() -> keras.Model:
    return nets.chain(layers.Dense(4, name="dense"), layers.GRU(3, name="cell"))


CLIPS = nets.features(20, clips=4)


def test_unknown_layers_cannot_be_kept_float(model: keras.Model) -> None:
    with pytest.raises(ConversionError, match=r"(?s)keep_float.*sell.*known: cell, dense"):
        convert(model, CLIPS, quantize=QuantizeRecipe(keep_float=("sell",)))


@pytest.mark.parametrize("precision", ["int8", "int16x8"])
@pytest.mark.parametrize("clips", [None, CLIPS[:0]])
def test_integers_need_recordings(model: keras.Model, clips: Any, precision: Any) -> None:
    with pytest.raises(ConversionError, match="recordings to calibrate on; give --data"):
        convert(model, clips, to=("tflite",), precisions=("fp32", precision))


@pytest.mark.parametrize(
    "clips, said",
    [
        (CLIPS[0], r"\(20, 3\).*3 channels"),
        (CLIPS[:, :, :2], r"\(4, 20, 2\).*3 channels"),
        (CLIPS[:, :0], r"at least 1 frames"),
        (np.where(np.arange(20)[:, None] == 7, np.nan, CLIPS), "NaN"),
    ],
)
def test_recordings_are_the_model_s(model: keras.Model, clips: Any, said: str) -> None:
    with pytest.raises(ConversionError, match=said):
        convert(model, clips, to=("tflite",), precisions=("int8",))


def test_other_precisions_need_none(model: keras.Model) -> None:
    made = convert(model, None, precisions=("fp32", "fp16", "dynamic"))
    assert len(made.written) == 9
    assert made.missing == ()


@pytest.mark.parametrize("asked", [{"to": ("coreml",)}, {"precisions": ("int4",)}])
def test_unknown_formats_and_precisions(model: keras.Model, asked: Any) -> None:
    with pytest.raises(ConversionError, match=r"no such: (coreml|int4); there are"):
        convert(model, CLIPS, **asked)


def test_a_precision_that_a_format_lacks_is_said(model: keras.Model) -> None:
    made = convert(model, CLIPS, precisions=("int8", "int16x8"))
    (reason,) = made.missing
    assert "openvino in int16x8" in reason
    assert "fp16" in reason  # the way out
    assert "openvino-int16x8" not in {w.artifact.id for w in made.written}
    assert len(made.written) == 5
    with pytest.raises(UnsupportedPrecision, match="openvino in int16x8"):
        formats.write(made.graph, "openvino", "int16x8")
