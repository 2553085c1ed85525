"""Keras models that TensorFlow traces only with help: each equals the model in every format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from edgenets.converters.routes.conversion import convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.source import open_source
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.sources import SourceReference
from edgenets.data.items import Items
from tests.converters import wholes

pytestmark = pytest.mark.slow

FORMATS: Any = ("tflite", "onnx", "openvino")


def grouped(layer: Callable[[], Any], *shape: int) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        entry = keras.Input(shape)
        return keras.Model(entry, layer()(entry))

    return build


def einsum_of_one_hot() -> keras.Model:
    a, b = keras.Input((8, 8, 4), name="a"), keras.Input((4,), name="b")
    chosen = ops.one_hot(ops.argmax(b, axis=-1), 4)
    return keras.Model([a, b], ops.einsum("bhwc,bc->bhw", a, chosen))


NETS: dict[str, Callable[[], keras.Model]] = {
    "groups": grouped(lambda: layers.Conv2D(8, 3, groups=4), 12, 12, 8),
    "groups, strides": grouped(
        lambda: layers.Conv2D(12, 3, 2, padding="same", groups=2), 11, 11, 4
    ),
    "groups, causal": grouped(
        lambda: layers.Conv1D(16, 3, groups=8, padding="causal", dilation_rate=2), 20, 8
    ),
    "a group a channel": grouped(lambda: layers.Conv2D(16, 3, groups=16), 9, 9, 16),
    "groups of a normalization": grouped(lambda: layers.GroupNormalization(3), 8, 8, 6),
    "argmax, kept": grouped(lambda: Largest(True), 6, 5),
    "einsum of one_hot": einsum_of_one_hot,
    "rows that are added behind": grouped(
        lambda: layers.Conv2DTranspose(2, 3, 2, padding="valid", output_padding=1), 11, 11, 3
    ),
    "rows that are added behind one axis": grouped(
        lambda: layers.Conv2DTranspose(2, 4, 3, padding="same", output_padding=(2, 1)), 7, 9, 3
    ),
}


class Largest(layers.Layer):
    def __init__(self, keepdims: bool) -> None:
        super().__init__()
        self.keepdims = keepdims

    def call(self, x: Any) -> Any:
        return ops.cast(ops.argmax(x, axis=1, keepdims=self.keepdims), "float32")


@pytest.mark.parametrize("name", NETS)
def test_it_equals_the_model(name: str) -> None:
    keras.utils.set_random_seed(1)
    source = source_of(NETS[name](), Path("net.keras"))
    found = convert_source(Job(source), FORMATS, ("fp32",))
    assert len(found.written) == 3, found.missing
    report = Judge(SourceReference(source, Items(wholes.items(source, 20)))).verify(found.written)
    assert report.passed, report


class TestFiles:
    def saved(self, model: Any, folder: Path) -> Path:
        path = folder / "net.keras"
        model.save(path)
        return path

    @pytest.fixture
    def stateful(self, tmp_path: Path) -> Path:
        entry = keras.Input(batch_shape=(1, 10, 4))
        x = layers.GRU(6, stateful=True, return_sequences=True)(entry)
        return self.saved(keras.Model(entry, x), tmp_path)

    def test_one_that_goes_on_from_call_to_call_becomes_steps(self, stateful: Path) -> None:
        source = open_source(stateful)
        found = convert_source(Job(source), FORMATS, ("fp32",))
        assert all(w.artifact.states for w in found.written) and len(found.written) == 3
        items = {source.inputs[0].name: np.random.default_rng(0).standard_normal((20, 10, 4))}
        items = {name: values.astype(np.float32) for name, values in items.items()}
        report = Judge(SourceReference(source, Items(items))).verify(found.written)
        assert report.passed, report

    def test_it_can_be_had_as_a_whole(self, stateful: Path) -> None:
        found = convert_source(Job(open_source(stateful), variant="whole"), FORMATS, ("fp32",))
        assert len(found.written) == 3 and not any(w.artifact.states for w in found.written)

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_mixed_precision_is_for_training(self, policy: str, tmp_path: Path) -> None:
        keras.config.set_dtype_policy(policy)
        try:
            entry = keras.Input((8,))
            hidden = layers.Dense(4, "relu")(entry)
            model = keras.Model(entry, layers.Dense(3, dtype="float32")(hidden))
        finally:
            keras.config.set_dtype_policy("float32")
        source = open_source(self.saved(model, tmp_path))
        found = convert_source(Job(source), FORMATS, ("fp32",))
        assert len(found.written) == 3, found.missing
        items = wholes.items(source, 20)
        report = Judge(SourceReference(source, Items(items))).verify(found.written)
        assert report.passed, report
        (own,) = source.answer(items).values()
        near = np.asarray(model(items[source.inputs[0].name]))
        np.testing.assert_allclose(own, near, atol=0.05)
