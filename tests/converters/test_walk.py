"""The step graph says, step after step, what the Keras model says of the whole sequence."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from keras import layers
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artifact import FORMATS
from edgenets.converters import formats
from edgenets.converters.step.graph import StepGraph
from edgenets.converters.step.passes import isolate_fixed, simplify
from edgenets.converters.step.reference import Reference
from edgenets.converters.step.walk import walk
from edgenets.errors import ConversionError
from tests.converters import nets

# What a convolution without padding drops must come to whole steps before a state; a drawn network
# may break that, and is then refused.
UNEVEN = "no whole number of steps"

drawing = settings(
    deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


def graph_of(model: keras.Model) -> StepGraph:
    try:
        return walk(model)
    except ConversionError as exc:
        if UNEVEN in str(exc):
            reject()
        raise


def compare(
    streamed: NDArray[np.float32], model: keras.Model, x: NDArray[np.float32], graph: StepGraph,
    tolerance: float,
) -> None:  # fmt: skip
    """Hold (streams, steps · frames out, channels) against what Keras says of the sequence."""
    # Keras traces a graph for long sequences' sake; short ones are done sooner without.
    whole = (
        np.asarray(model(x, training=False)) if x.shape[1] < 100 else model.predict(x, verbose=0)
    )
    assert np.isfinite(whole).all()
    if graph_ends_time(model):
        streamed, whole = streamed[:, -1], whole.reshape(len(x), -1)
    else:
        delay = streamed.shape[1] - whole.shape[1]
        assert graph.warmup == -(-delay // graph.shapes[graph.output][0])
        streamed = streamed[:, delay:]
    assert np.abs(streamed - whole).max() <= tolerance * max(1.0, np.abs(whole).max())


def graph_ends_time(model: keras.Model) -> bool:
    """Whether the model gives one vector for a sequence."""
    return len(model.output_shape) == 2 or model.output_shape[1] == 1


@settings(drawing, max_examples=80)
@given(data=st.data())
def test_steps_equal_the_sequence(data: st.DataObject) -> None:
    model = nets.drawn(data.draw)
    graph = graph_of(model)
    steps = graph.warmup + max(8, 36 // graph.frames)
    x = nets.features(steps * graph.frames, clips=2, seed=1)
    for changed in (graph, simplify(graph), isolate_fixed(simplify(graph))):
        compare(Reference(changed, streams=2).sequence(x), model, x, changed, 1e-5)


@settings(drawing, max_examples=8)
@given(data=st.data())
def test_every_format_steps_as_the_sequence(data: st.DataObject) -> None:
    model = nets.drawn(data.draw)
    graph = simplify(graph_of(model))
    x = nets.features((graph.warmup + 300) * graph.frames, seed=2)
    for format in FORMATS:
        written = formats.write(graph, format, "fp32")
        session = backend.load(format, written.artifact, written.files)
        out = backend.run_sequence(session, x[0])
        compare(out.reshape(1, -1, out.shape[-1]), model, x, graph, 1e-4)


# What a convolution without padding drops means nothing: no state may move on it.
HELD = {
    "valid before GRU": ([layers.Conv1D(4, 3), layers.GRU(3, return_sequences=True)], [2], 2),
    "valid before LSTM": ([layers.Conv1D(4, 5), layers.LSTM(3)], [4, 4], 4),
    "valid of stride 2 before GRU": (
        [layers.Conv1D(4, 5, strides=2), layers.GRU(3, return_sequences=True)], [0, 2], 2,
    ),
    "valid of stride 3 before GRU": (
        [layers.Conv1D(4, 4, strides=3), layers.GRU(3, return_sequences=True)], [0, 1], 1,
    ),
    "two frames a step": (
        [layers.Conv1D(4, 3), layers.GRU(3, return_sequences=True),
         layers.Conv1D(2, 2, strides=2, padding="causal")], [0, 1, 1], 1,
    ),
    "valid before causal": (
        [layers.Conv1D(4, 3), layers.Conv1D(2, 4, padding="causal")], [0, 2], 2,
    ),
    "valid before valid": ([layers.Conv1D(4, 3), layers.Conv1D(2, 4)], [0, 0], 5),
    "crop before padding": (
        [layers.Cropping1D((6, 0)), layers.ZeroPadding1D((4, 0)), layers.DepthwiseConv1D(5)],
        [6], 6,
    ),
    "padding before crop": (
        [layers.ZeroPadding1D((4, 0)), layers.Cropping1D((1, 0)), layers.DepthwiseConv1D(5)],
        [0], 1,
    ),
    "mean of what is left": ([layers.Conv1D(4, 3), layers.GlobalAveragePooling1D()], [0, 2, 2], 2),
    "peak of what is left": ([layers.Conv1D(4, 3), layers.GlobalMaxPooling1D()], [0, 2], 2),
}  # fmt: skip


@pytest.mark.parametrize("case", HELD)
def test_states_wait_for_the_first_frame(case: str) -> None:
    chain, held, warmup = HELD[case]
    model = nets.chain(*[layer.from_config(layer.get_config()) for layer in chain])
    graph = walk(model)
    assert graph.warmup == warmup
    assert [s.hold for s in graph.states if s.hold] == [h for h in held if h]
    x = nets.features((warmup + 20) * graph.frames, seed=3)
    compare(Reference(graph).sequence(x), model, x, graph, 1e-5)
    for format in FORMATS:
        written = formats.write(simplify(graph), format, "fp32")
        session = backend.load(format, written.artifact, written.files)
        for _ in range(2):  # what was held once is held again after a reset
            out = backend.run_sequence(session, x[0])
            compare(out.reshape(1, -1, out.shape[-1]), model, x, graph, 1e-4)


BANDS = [layers.Dense(12), layers.Reshape((-1, 6, 2))]

# Networks at whose end there is no time left, or one frame that Keras still counts.
TIMELESS = {
    "mean, then peak": [
        layers.GlobalAveragePooling1D(keepdims=True), layers.GlobalMaxPooling1D(), layers.Dense(2),
    ],
    "mean of the mean, of bands": [
        *BANDS, layers.GlobalAveragePooling2D(keepdims=True), layers.GlobalAveragePooling2D(),
        layers.Dense(2),
    ],
    "peak of the last": [layers.GRU(3), layers.Reshape((-1, 3)), layers.GlobalMaxPooling1D()],
    "norm of a kept axis": [
        layers.GlobalAveragePooling1D(keepdims=True), layers.BatchNormalization(axis=2),
        layers.Softmax(axis=2),
    ],
    "norm of a kept axis, of bands": [
        *BANDS, layers.GlobalMaxPooling2D(keepdims=True), layers.BatchNormalization(axis=3),
        layers.Reshape((-1, 2)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", TIMELESS)
def test_when_time_is_gone(case: str) -> None:
    parts = [layer.from_config(layer.get_config()) for layer in TIMELESS[case]]
    model = nets.chain(*parts)
    graph, x = simplify(walk(model)), nets.features(30, seed=6)
    for format in FORMATS:
        written = formats.write(graph, format, "fp32")
        out = backend.run_sequence(backend.load(format, written.artifact, written.files), x[0])
        whole = np.asarray(model(x, training=False)).reshape(-1)
        assert np.abs(out[-1].reshape(-1) - whole).max() <= 1e-5 * max(1.0, np.abs(whole).max())


@pytest.mark.parametrize("precision", ["fp32", "dynamic"])
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("strides", [(2, 2), (1, 2), (2, 1), 2])
def test_strides_of_a_kernel_of_one(strides: Any, format: Any, precision: Any) -> None:
    """OpenVINO 2026.4 refused its own graph of these, in weights of 8 bits."""
    if isinstance(strides, tuple):
        conv = layers.Conv2D(3, 1, strides=strides)
        flat = layers.TimeDistributed(layers.Flatten())
        parts = [layers.Dense(12), layers.Reshape((-1, 12, 1)), conv, flat]
    else:
        parts = [layers.Conv1D(3, 1, strides=strides), layers.Conv1D(3, 1, strides=strides)]
    model = nets.chain(*parts, layers.Dense(2))
    graph, x = simplify(walk(model)), nets.features(32, seed=7)
    written = formats.write(graph, format, precision)
    out = backend.run_sequence(backend.load(format, written.artifact, written.files), x[0])
    compare(out.reshape(1, -1, 2), model, x, graph, 1e-5 if precision == "fp32" else 0.05)


@pytest.mark.parametrize("activation", [*nets.ACTIVATIONS, "exponential"])
@pytest.mark.parametrize("format", FORMATS)
def test_activations(activation: str, format: Any) -> None:
    model = nets.chain(layers.Dense(5, activation=activation), layers.Dense(2))
    graph = simplify(walk(model))
    written = formats.write(graph, format, "fp32")
    x = nets.features(50, seed=4)
    out = backend.run_sequence(backend.load(format, written.artifact, written.files), x[0])
    compare(out.reshape(1, -1, out.shape[-1]), model, x, graph, 1e-5)


def test_several_frames_a_step_are_unrolled() -> None:
    model = nets.chain(
        layers.GRU(3, return_sequences=True), layers.LSTM(3, return_sequences=True),
        layers.MaxPooling1D(3), layers.Conv1D(2, 2, strides=2, padding="causal"),
    )  # fmt: skip
    graph = walk(model)
    assert graph.frames == 6
    x = nets.features(60)
    compare(Reference(graph).sequence(x), model, x, graph, 1e-5)


def test_predict_says_the_same() -> None:
    model = nets.chain(layers.Conv1D(4, 3, padding="causal"), layers.GRU(3), layers.Dense(2))
    x = nets.features(40, clips=3)
    streamed = Reference(walk(model), streams=3).sequence(x)
    assert np.allclose(streamed[:, -1], model.predict(x, verbose=0), atol=1e-5)


def test_a_shared_layer_has_a_state_for_each_use() -> None:
    shared = layers.GRU(nets.CHANNELS, return_sequences=True, name="shared")
    model = nets.chain(shared, layers.Dense(nets.CHANNELS), shared)
    graph = walk(model)
    assert len({s.input for s in graph.states}) == 2
    x = nets.features(30)
    compare(Reference(graph).sequence(x), model, x, graph, 1e-5)


def test_names_of_layers_do_not_meet_those_of_the_graph() -> None:
    entry = layers.Input((None, 3))
    x = layers.Dense(3, name="input")(entry)
    x = layers.GRU(3, return_sequences=True, name="features")(x + entry)
    model = nets.randomise(keras.Model(entry, layers.Dense(3, name="logits")(x) * x), 1)
    for format in FORMATS:
        graph = simplify(walk(model))
        written = formats.write(graph, format, "fp32")
        session = backend.load(format, written.artifact, written.files)
        sound = nets.features(30)
        out = backend.run_sequence(session, sound[0])
        compare(out.reshape(1, -1, 3), model, sound, graph, 1e-5)


def test_simplify_folds_what_it_promises() -> None:
    model = nets.chain(
        layers.Conv1D(4, 3, padding="causal"), layers.BatchNormalization(), layers.ReLU(),
        layers.ZeroPadding1D((2, 0)), layers.DepthwiseConv1D(3), layers.BatchNormalization(),
        layers.ReLU(6.0), layers.Dense(2),
    )  # fmt: skip
    kinds = [type(op).__name__ for op in simplify(walk(model)).ops]
    assert kinds == ["Concat", "Slice", "Conv", "Concat", "Slice", "Depthwise", "Linear"]
