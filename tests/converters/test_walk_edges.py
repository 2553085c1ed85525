"""Models that are written in a way of their own: names, dictionaries, functions of the author's."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edgenets import backend
from edgenets.converters.step.convert import convert
from edgenets.converters.step.reference import Reference
from edgenets.converters.step.walk import walk
from edgenets.errors import ConversionError

X = np.random.default_rng(0).standard_normal((3, 8, 4)).astype(np.float32)


def away(model: keras.Model) -> float:
    """Of the step graph from the model, at most."""
    streamed = Reference(walk(model), streams=3).sequence(X)
    return float(np.abs(streamed - model.predict(X, verbose=0)).max())


@pytest.mark.parametrize("uses", [2, 3])
def test_a_layer_that_is_used_again_is_no_other(uses: int) -> None:
    """Keras calls the next one as somebody might call the second use of the first."""
    keras.utils.set_random_seed(0)
    keras.backend.clear_session()
    entry = keras.Input((None, 4))
    shared, now, seen = layers.Dense(4), entry, []
    for _ in range(uses):
        seen.append(shared(now))
        now = layers.Activation("tanh")(seen[-1])
    others = [layers.Dense(4) for _ in seen]
    assert (shared.name, others[0].name) == ("dense", "dense_1")
    behind = [layer(one) for layer, one in zip(others, seen, strict=True)]
    assert away(keras.Model(entry, layers.Concatenate()([*seen, *behind]))) < 1e-5


def test_outputs_by_name() -> None:
    """Keras sorts them, whatever order they were given in."""
    keras.utils.set_random_seed(0)
    entry = keras.Input((None, 4))
    both = {"words": layers.Dense(3, name="w")(entry), "edges": layers.Dense(3, name="e")(entry)}
    model = keras.Model(entry, both)
    found = convert(model, None, ("tflite",), ("fp32",)).written[0]
    session = backend.load("tflite", found.artifact, found.files)
    answers = backend.answers(session, X[0])
    wanted = model.predict(X[:1], verbose=0)
    for number, (name, key) in enumerate((("e", "edges"), ("w", "words"))):
        own = answers[:, 3 * number : 3 * number + 3]
        assert np.abs(own - wanted[key][0]).max() < 1e-5, (name, key)


def test_inputs_by_name() -> None:
    """A state that is given is not taken for another."""
    keras.utils.set_random_seed(0)
    sequence = keras.Input((None, 4), name="a_seq")
    h, c = keras.Input((5,), name="h1"), keras.Input((5,), name="b2")
    x = layers.LSTM(5, return_sequences=True)(sequence, initial_state=[h, c])
    model = keras.Model({"a_seq": sequence, "h1": h, "b2": c}, x)
    graph = walk(model)
    names = {state.input for state in graph.states}
    assert names == {"h1", "b2"}
    found = convert(model, None, ("tflite",), ("fp32",)).written[0]
    session = backend.load("tflite", found.artifact, found.files)
    rng = np.random.default_rng(1)
    given = {n: rng.standard_normal((1, 5)).astype(np.float32) for n in ("h1", "b2")}
    wanted = model.predict({"a_seq": X[:1], **given}, verbose=0)[0]
    assert np.abs(backend.answers(session, X[0], given) - wanted).max() < 1e-5


def swish(x: Any) -> Any:
    return x * keras.ops.sigmoid(1.7 * x)


@pytest.mark.parametrize(
    ("layer", "message"),
    [(lambda: layers.Dense(3, activation=swish), r"'swish' of tests\..* has no step form"),
     (lambda: layers.GRU(3, activation=swish), "'swish' of tests"),
     (lambda: layers.GRU(3, recurrent_activation=swish), "'swish' of tests"),
     (lambda: layers.Activation(keras.ops.gelu), r"'gelu' of keras\.src\.ops"),
     (lambda: lambda x: keras.ops.reshape(x, (-1, 2, 2)), r"is keras\.ops\.reshape; a step form")],
)  # fmt: skip
def test_a_function_that_is_called_as_one_of_keras(layer: Any, message: str) -> None:
    entry = keras.Input((None, 4) if "reshape" not in message else (1, 4))
    with pytest.raises(ConversionError, match=message):
        walk(keras.Model(entry, layer()(entry)))


def test_words_that_calibration_did_not_come_upon() -> None:
    """Their rows of the table are larger than all that it saw."""
    keras.utils.set_random_seed(0)
    entry = keras.Input((None,), dtype="int32")
    table = layers.Embedding(50, 8)
    model = keras.Model(entry, table(entry))
    values = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    values[40:] *= 10
    table.embeddings.assign(values)
    clips = np.random.default_rng(1).integers(0, 40, (20, 30, 1)).astype(np.int32)
    every = np.arange(50, dtype=np.int32)[:, None]
    wanted = model.predict(every[None, :, 0], verbose=0)[0]
    for found in convert(model, clips, ("tflite", "onnx"), ("int8",)).written:
        session = backend.load(found.artifact.format, found.artifact, found.files)
        error = np.abs(backend.answers(session, every) - wanted)[40:]
        assert error.max() < 0.05 * np.abs(wanted).max(), found.artifact.id
