"""Every activation that Keras has: as the model computes it, in every format, or refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from edgenets import backend
from edgenets.artifact import FORMATS
from edgenets.converters.step.convert import convert
from edgenets.errors import ConversionError

EVERY = sorted(
    name
    for name in dir(keras.activations)
    if not name.startswith("_") and name not in ("deserialize", "get", "serialize")
)
REFUSED = {
    "glu": "it halves the channels", "sparsemax": "it sorts", "hard_shrink": "it jumps",
    "threshold": "it jumps",
}  # fmt: skip

CLIPS = np.random.default_rng(0).standard_normal((30, 14, 6)).astype(np.float32)


def net(name: str, inside: bool = True) -> keras.Model:
    """Behind a product, and of a cell's candidate."""
    keras.utils.set_random_seed(2)
    cell = layers.GRU(6, activation=name) if inside else layers.GRU(6)
    return keras.Sequential(
        [layers.Input((None, 6)), layers.Dense(8, activation=name), cell, layers.Dense(4)]
    )


@pytest.mark.parametrize("name", [n for n in EVERY if n not in REFUSED])
def test_it_answers_as_its_model(name: str) -> None:
    model = net(name, inside=name not in ("exponential", "softmax", "log_softmax"))
    wanted = model.predict(CLIPS[:6], verbose=0)
    found = convert(model, CLIPS, FORMATS, ("fp32", "int8"))
    assert len(found.written) == 6
    for item in found.written:
        session = backend.load(item.artifact.format, item.artifact, item.files)
        answers = np.stack([backend.answers(session, clip)[-1] for clip in CLIPS[:6]])
        error = np.abs(answers - wanted) / wanted.std()
        if item.artifact.precision == "fp32":
            assert error.max() < 1e-5, item.artifact.id
        else:
            assert error.mean() < 0.1 and error.max() < 0.4, item.artifact.id


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_its_reason(name: str) -> None:
    model = keras.Sequential([layers.Input((None, 6)), layers.Activation(name, name="here")])
    with pytest.raises(ConversionError, match=f"layer 'here': .*'{name}'.*{REFUSED[name]}"):
        convert(model, precisions=("fp32",))


def test_values_beyond_all_bounds_are_said() -> None:
    with pytest.raises(ConversionError, match="grows beyond all bounds"):
        convert(net("exponential"), 20 * CLIPS, ("tflite",), ("int8",))
