"""Networks of Keras that nobody wrote, converted as a whole: each equals its model in every format.

What looks ahead in time, joins two ends, or knows no time at all has no step form; all else has
one, whose answers are the whole form's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from keras import layers

from edgenets import backend
from edgenets.artifact import FORMATS
from edgenets.converters.routes.conversion import convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.source import Source
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.sources import SourceReference
from edgenets.data.items import Items
from edgenets.errors import ConversionError
from tests.converters import nets
from tests.converters.nets import Drawing

STEPS = 7

# More are drawn by `DRAWN=100 pytest tests/converters/test_drawn.py`.
COUNT = int(os.environ.get("DRAWN", "3"))

# What integers may be off in networks of random weights is no fault of a converter; floats may not.
_FLOATS = ("fp32",)

drawing = settings(
    max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck), database=None,
    # The few of every day are the same ones each time; more are new ones.
    derandomize="DRAWN" not in os.environ,
)  # fmt: skip


def cell(d: Drawing, **options: Any) -> Any:
    """A recurrent layer of any kind."""
    units, options = d.pick(2, 3), {"use_bias": d.flag(), **options}
    kind = d.pick("gru", "gru before", "lstm", "rnn")
    options["activation"] = d.pick("tanh", "relu", "softsign")
    if kind == "rnn":
        return layers.SimpleRNN(units, **options)
    options["recurrent_activation"] = d.pick("sigmoid", "hard_sigmoid")
    if kind == "lstm":
        return layers.LSTM(units, **options)
    return layers.GRU(units, reset_after=kind == "gru", **options)


def both_ways(d: Drawing) -> None:
    merge = d.pick("concat", "sum", "mul", "ave")
    d.then(layers.Bidirectional(cell(d, return_sequences=True), merge_mode=merge))


def backwards(d: Drawing) -> None:
    d.then(cell(d, return_sequences=True, go_backwards=True))


def looking_ahead(d: Drawing) -> None:
    kind = d.pick("conv", "pool", "average", "up")
    d.then(
        {
            "conv": lambda: layers.Conv1D(
                d.pick(1, 3), d.pick(2, 3), padding="same", strides=d.pick(1, 2)
            ),
            "pool": lambda: layers.MaxPooling1D(2, strides=1, padding="same"),
            "average": lambda: layers.AveragePooling1D(3, strides=1, padding="same"),
            "up": lambda: layers.UpSampling1D(2),
        }[kind]()
    )


def handed_on(d: Drawing) -> None:
    """An encoder whose last state a decoder begins with."""
    kind = d.pick(layers.GRU, layers.LSTM, layers.SimpleRNN)
    sequence, *state = kind(2, return_sequences=True, return_state=True)(d.x)
    decoder = kind(2, return_sequences=True)
    # Keras wants a tensor for one state, a list for two.
    d.x = decoder(sequence, initial_state=state if len(state) > 1 else state[0])


def time_distributed(d: Drawing) -> None:
    inside = d.pick(layers.Dense(3, "gelu"), layers.LayerNormalization(), layers.Dense(2))
    d.then(layers.TimeDistributed(inside))


def normed(d: Drawing) -> None:
    d.then(d.pick(layers.LayerNormalization(), layers.BatchNormalization(), layers.Softmax()))


def attention(d: Drawing) -> None:
    d.x = layers.MultiHeadAttention(d.pick(1, 2), 2)(d.x, d.x)


BLOCKS = [both_ways, both_ways, backwards, looking_ahead, handed_on, time_distributed, normed,
          attention, nets.recurrent, nets.conv, nets.pointwise, nets.branch]  # fmt: skip


def over_time(draw: Callable[..., Any]) -> keras.Model:
    """A network over time, some of whose layers see what is to come."""
    entry = keras.Input((STEPS, nets.CHANNELS), name="features")
    d = Drawing(draw, entry)
    d.frames = nets.LONGEST_STEP  # nothing is made shorter: what is left of it could be too short
    if d.flag():
        d.then(layers.Masking())
    for _ in range(draw(st.integers(1, 3))):
        d.pick(*BLOCKS)(d)
    last = d.pick("sequence", "last", "both", "average", "flat", "states")
    if last == "states":
        return nets.randomise(keras.Model(entry, cell(d, return_state=True)(d.x)), d.pick(1, 2, 3))
    if last != "sequence":
        d.then(
            {
                "last": lambda: cell(d),
                "both": lambda: layers.Bidirectional(cell(d)),
                "average": layers.GlobalAveragePooling1D,
                "flat": layers.Flatten,
            }[last]()
        )
    d.then(layers.Dense(3))
    return nets.randomise(keras.Model(entry, d.x), d.pick(1, 2, 3))


def of_pictures(draw: Callable[..., Any]) -> keras.Model:
    """A network of small images with branches."""
    entry = keras.Input((draw(st.sampled_from([8, 11])), 12, 3), name="image")
    d = Drawing(draw, entry)
    for _ in range(draw(st.integers(1, 4))):
        d.pick(convolution, convolution, depthwise, pooled, pointwise, residual, larger)(d)
    if d.flag():
        d.then(d.pick(layers.GlobalAveragePooling2D(), layers.GlobalMaxPooling2D()))
        d.then(layers.Dense(4, d.pick("linear", "softmax")))
    return nets.randomise(keras.Model(entry, d.x), d.pick(1, 2, 3))


def convolution(d: Drawing) -> None:
    stride = d.pick(1, 1, 2)
    d.then(
        layers.Conv2D(
            d.pick(2, 4), d.pick(1, 3, (3, 1)), strides=stride, padding="same",
            dilation_rate=d.pick(1, 2) if stride == 1 else 1, use_bias=d.flag(),
            activation=d.pick("linear", "relu", "relu6", "silu", "hard_silu", "tanh"),
        )
    )  # fmt: skip


def depthwise(d: Drawing) -> None:
    kind = d.pick(layers.DepthwiseConv2D, layers.SeparableConv2D)
    extra = {} if kind is layers.DepthwiseConv2D else {"filters": 3}
    d.then(kind(kernel_size=3, padding="same", strides=d.pick(1, 2), **extra))


def pooled(d: Drawing) -> None:
    d.then(d.pick(layers.AveragePooling2D, layers.MaxPooling2D)(2, padding="same"))


def pointwise(d: Drawing) -> None:
    d.then(
        d.pick(
            layers.BatchNormalization(), layers.LayerNormalization(), layers.ReLU(6.0),
            layers.LeakyReLU(), layers.PReLU(shared_axes=[1, 2]), layers.ZeroPadding2D(1),
            layers.Dropout(0.5), layers.Rescaling(0.5, -1.0),
        )
    )  # fmt: skip


def residual(d: Drawing) -> None:
    entry = d.x
    d.then(layers.Conv2D(d.channels, 3, padding="same"))
    d.then(layers.BatchNormalization())
    join = d.pick(layers.Add, layers.Multiply, layers.Maximum, layers.Average, layers.Concatenate)
    d.x = join()([entry, d.x])


def larger(d: Drawing) -> None:
    kind = d.pick("nearest", "bilinear", "transposed")
    if kind == "transposed":
        d.then(layers.Conv2DTranspose(2, 3, strides=2, padding=d.pick("same", "valid")))
    else:
        d.then(layers.UpSampling2D(2, interpolation=kind))


def built(kind: Callable[..., keras.Model], data: st.DataObject) -> Source:
    """A drawn network; those that Keras itself refuses, by a mask or too few frames, are none."""
    try:
        model = kind(data.draw)
        model(np.zeros((1, *model.input_shape[1:]), np.float32))
    except ValueError:
        reject()
    # Of one channel, TFLiteConverter 2.21 refuses a sum with its own depthwise convolution ("op x
    # should be of the same rank with y"), and tf2onnx 1.17 writes one that cannot be run: the first
    # is said, the second does not pass the gate. Such networks are not what this is about.
    if any(1 in layer.output.shape[-1:] for layer in model.layers if _is_plain(layer)):
        reject()
    return source_of(model, Path("net.keras"))


def equal(source: Source, count: int = 6) -> None:
    """Every format gives what Keras gives, in floats; and integers are made or refused by name."""
    rng = np.random.default_rng(0)
    (info,) = source.inputs
    items = {info.name: rng.standard_normal((count, *info.shape[1:])).astype(np.float32)}
    found = convert_source(Job(source, variant="whole"), FORMATS, _FLOATS)
    assert not found.missing, found.missing
    report = Judge(SourceReference(source, Items(items))).verify(found.written)
    for verdict in report.verdicts:
        assert not verdict.error, (verdict.id, verdict.error)
        # Decisions of networks that learned nothing hang by hairs.
        failed = [c for c in verdict.checks if not c.passed and c.name in ("finite", "max_error")]
        assert not failed, (verdict.id, failed)


def _is_plain(layer: keras.Layer) -> bool:
    """Whether it gives one tensor."""
    return not isinstance(layer.output, (list, tuple))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Layer '.*' .of type .*. was passed an input with a mask")
@drawing
@given(data=st.data())
def test_nets_over_time(data: st.DataObject) -> None:
    equal(built(over_time, data))


@pytest.mark.slow
@drawing
@given(data=st.data())
def test_nets_of_pictures(data: st.DataObject) -> None:
    equal(built(of_pictures, data))


@pytest.mark.slow
def test_what_keras_cannot_call_is_said() -> None:
    """A softmax takes a mask over time for one of its own."""
    entry = keras.Input((STEPS, 3), name="features")
    source = source_of(
        keras.Model(entry, layers.Softmax()(layers.Masking()(entry))), Path("net.keras")
    )
    with pytest.raises(ConversionError, match=r"Keras itself cannot call the model: .*Softmax"):
        convert_source(Job(source, variant="whole"), FORMATS, _FLOATS)


@pytest.mark.slow
def test_gates_of_one_unit() -> None:
    """Which OpenVINO's plugin does not compile as it likes best, on one thread."""
    entry = keras.Input((STEPS, nets.CHANNELS), name="features")
    x = layers.Bidirectional(layers.GRU(1, return_sequences=True, use_bias=False))(entry)
    x = layers.Dense(3)(layers.SimpleRNN(1, use_bias=False)(x))
    equal(source_of(nets.randomise(keras.Model(entry, x), 1), Path("net.keras")))


@pytest.mark.slow
@drawing
@given(data=st.data())
def test_step_after_step_it_is_the_whole(data: st.DataObject) -> None:
    """The step form's last answer is the whole form's, of a network that has both."""
    model = nets.drawn(data.draw, 2)
    source = source_of(model, Path("net.keras"))
    frames = 24
    shapes = {source.inputs[0].name: (frames, nets.CHANNELS)}
    formats = ("tflite", "onnx")
    try:
        steps = convert_source(Job(source, variant="step"), formats, _FLOATS).written
    except ConversionError as exc:  # of frames that no step divides, which is said
        assert "no step form: layer" in str(exc)
        reject()
    try:
        whole = convert_source(
            Job(source, variant="whole", shapes=shapes), formats, _FLOATS
        ).written
    except ConversionError as exc:  # too few frames for its kernels
        assert "Keras itself cannot call" in str(exc)
        reject()
    features = nets.features(frames)
    for step, all_at_once in zip(steps, whole, strict=True):
        stream = backend.load(step.artifact.format, step.artifact, step.files)
        session = backend.load(step.artifact.format, all_at_once.artifact, all_at_once.files)
        (wanted,) = session.run({all_at_once.artifact.inputs[0].name: features}).values()
        found = backend.answers(stream, features[0])[-1]
        last = wanted.reshape(-1, found.size)[-1]
        assert np.allclose(found, last, atol=1e-4 * max(1.0, float(np.abs(last).max()))), step
