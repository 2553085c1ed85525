"""Whole recurrent models in ONNX and OpenVINO: operators of their own, whatever their length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from edgenets.converters.routes.conversion import convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.verify.called import answers_of

pytestmark = pytest.mark.slow

WIDTH = 5


def built(*inside: Any, length: int = 14) -> keras.Model:
    keras.utils.set_random_seed(2)
    model = keras.Sequential([layers.Input((length, WIDTH), name="x"), *inside, layers.Dense(3)])
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(np.asarray(variable) + 0.2 * rng.standard_normal(variable.shape))
    return model


NETS: dict[str, Callable[[], list[Any]]] = {
    "gru": lambda: [layers.GRU(6)],
    "older gru": lambda: [layers.GRU(6, reset_after=False, activation="relu")],
    "no bias": lambda: [layers.GRU(6, use_bias=False, return_sequences=True), layers.Flatten()],
    "lstm": lambda: [layers.LSTM(6, return_sequences=True), layers.LSTM(4, activation="softsign")],
    "rnn": lambda: [layers.SimpleRNN(6, activation="relu", kernel_initializer="zeros")],
    "backwards": lambda: [layers.GRU(6, go_backwards=True, return_sequences=True), layers.LSTM(4)],
    "both ways": lambda: [
        layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
        layers.Bidirectional(layers.GRU(3), merge_mode="sum"),
    ],
    "twice": lambda: [layers.GRU(WIDTH, return_sequences=True), layers.GRU(WIDTH)],
}


def operators(content: bytes) -> list[str]:
    model = onnx.load_model_from_string(content)
    return [n.op_type for n in model.graph.node if n.op_type in ("GRU", "LSTM", "RNN")]


@pytest.mark.parametrize("name", NETS)
def test_each_layer_is_one_operator(name: str) -> None:
    inside = NETS[name]()
    model = built(*inside)
    source = source_of(model, Path("net.keras"))
    x = np.random.default_rng(1).standard_normal((7, 14, WIDTH)).astype(np.float32)
    (wanted,) = source.answer({"x": x}).values()
    precisions = ("fp32", "dynamic") if name in ("gru", "lstm") else ("fp32",)
    found = convert_source(Job(source), ("onnx", "openvino"), precisions)
    assert not found.missing
    count = sum(2 if isinstance(layer, layers.Bidirectional) else hasattr(layer, "cell")
                for layer in inside)  # fmt: skip
    for written in found.written:
        _, (answer,) = answers_of(written, {"x": x}, {})
        limit = 1e-5 if written.artifact.precision == "fp32" else 0.2
        assert np.abs(answer - wanted).max() < limit * (1 + np.abs(wanted).max())
        if written.artifact.format == "onnx":
            (content,) = written.files.values()
            assert len(operators(content)) == count


def test_the_file_is_its_weights() -> None:
    model = built(layers.GRU(32), length=400)
    found = convert_source(Job(source_of(model, Path("net.keras"))), ("onnx",), ("fp32",))
    assert found.written[0].size < 4 * model.count_params() + 2000


@pytest.mark.parametrize("kind", ["mask", "state", "activation"])
def test_what_has_none_is_unrolled(kind: str) -> None:
    """A mask, a state from outside, and activations of Keras alone."""
    entry = keras.Input((8, WIDTH), name="x")
    if kind == "mask":
        y = layers.GRU(4)(layers.Masking()(entry))
    elif kind == "state":
        y = layers.GRU(4)(entry, initial_state=layers.Dense(4)(entry[:, 0]))
    else:
        y = layers.GRU(4, activation="silu")(entry)
    source = source_of(keras.Model(entry, y), Path("net.keras"))
    found = convert_source(Job(source), ("onnx",), ("fp32",))
    (content,) = found.written[0].files.values()
    assert operators(content) == []


def test_integers_are_unrolled() -> None:
    model = built(layers.GRU(6), length=8)
    rng = np.random.default_rng(0)
    samples = {"x": rng.standard_normal((40, 8, WIDTH)).astype(np.float32)}
    job = Job(source_of(model, Path("net.keras")), samples)
    found = convert_source(job, ("onnx",), ("int8",))
    (content,) = found.written[0].files.values()
    assert operators(content) == []
