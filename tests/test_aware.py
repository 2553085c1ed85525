"""Quantization-aware training: the same weights, rounded; true int8 from it; and what it mends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from edgenets.artifact import FORMATS, Format
from edgenets.converters.project import convert_run
from edgenets.converters.routes.conversion import Conversion, convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.source import open_source
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.sources import SourceReference
from edgenets.data.items import Items
from edgenets.errors import RecipeError
from edgenets.runs import Run
from edgenets.training import aware
from edgenets.training.train import train
from tests.test_training import RECIPE, Stops, tones

__all__ = ["tones"]  # a fixture

pytestmark = pytest.mark.slow


def net(*inside: Any, shape: tuple[int, ...] = (8, 8, 3)) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([layers.Input(shape), *inside])


def images() -> keras.Model:
    """Every kind of layer that is rounded, and what is one with it."""
    keras.utils.set_random_seed(0)
    entry = keras.Input((8, 8, 3), name="image")
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(entry)))
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    y = layers.SeparableConv2D(8, 3, padding="same")(y)
    x = layers.MaxPooling2D()(layers.Add()([x, y]))
    x = layers.Dropout(0.1)(layers.Flatten()(x))
    return keras.Model(entry, layers.Dense(4, "softmax")(x))


def gru() -> keras.Model:
    return net(layers.GRU(6, return_sequences=True), layers.GRU(5), layers.Dense(3), shape=(7, 4))


def items(model: keras.Model, count: int = 64) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, *model.input_shape[1:])).astype(np.float32)


def taught(model: keras.Model, x: NDArray[np.float32], y: NDArray[Any], epochs: int) -> None:
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(x, y, 32, epochs, verbose=0)


@pytest.mark.parametrize("build", [images, gru])
def test_training_the_one_trains_the_other(build: Any, tmp_path: Path) -> None:
    plain = build()
    learner = aware.aware(plain)
    x = items(plain)
    before = plain.predict(x, verbose=0)
    assert {v.path for v in plain.trainable_variables} == {
        v.path for v in learner.trainable_variables
    }
    learner.compile("adam", "mse")
    for _ in range(3):
        learner.train_on_batch(x, before + 1)
    assert np.abs(plain.predict(x, verbose=0) - before).max() > 1e-3
    again = aware.plain_of(learner)
    assert again.name == plain.name
    assert np.array_equal(again.predict(x, verbose=0), plain.predict(x, verbose=0))
    # What it gives is near to the plain network's, and not the same.
    off = np.abs(learner.predict(x, verbose=0) - plain.predict(x, verbose=0)).max()
    assert 1e-5 < off < 0.3
    # A checkpoint of it can be gone on from.
    learner.save(tmp_path / "learner.keras")
    loaded = keras.models.load_model(tmp_path / "learner.keras", custom_objects=aware.objects())
    assert np.allclose(loaded.predict(x, verbose=0), learner.predict(x, verbose=0), atol=1e-6)


def test_weights_are_rounded_channel_by_channel() -> None:
    plain = net(layers.Dense(4, use_bias=False, name="dense"), shape=(5,))
    kernel = np.random.default_rng(0).standard_normal((5, 4)) * [1, 10, 0.01, 100]
    plain.get_layer("dense").kernel.assign(kernel)
    learner = aware.aware(plain)
    rounded = learner.get_layer("dense_rounded")(np.eye(5, dtype=np.float32)).numpy()
    scales = np.abs(kernel).max(axis=0) / 127
    assert np.abs(rounded / scales - np.rint(kernel / scales)).max() < 1e-2


def test_weights_of_a_transposed_convolution_too() -> None:
    """Their channels of what comes out are the last axis but one."""
    plain = net(layers.Conv2DTranspose(4, 2, use_bias=False, name="up"), shape=(3, 3, 5))
    kernel = np.random.default_rng(0).standard_normal((2, 2, 4, 5))
    kernel *= np.array([1, 10, 0.01, 100])[:, None]
    plain.get_layer("up").kernel.assign(kernel)
    x = items(plain, 8)
    wanted = plain.predict(x, verbose=0)
    found = aware.aware(plain).get_layer("up_rounded")(x).numpy()
    for channel in range(4):
        error = np.abs(found - wanted)[..., channel].max() / np.abs(wanted[..., channel]).max()
        assert error < 0.01, channel


def test_layers_that_are_not_trained_are_rounded() -> None:
    plain = net(layers.Conv2D(4, 3, name="held"), layers.Conv2D(4, 3, name="taught"))
    plain.get_layer("held").trainable = False
    learner = aware.aware(plain)
    assert {"held_rounded", "taught_rounded"} <= {layer.name for layer in learner.layers}
    assert [v.path for v in learner.trainable_variables] == [
        v.path for v in plain.get_layer("taught").trainable_variables
    ]
    plain.trainable = False
    assert aware.is_aware(aware.aware(plain))


def test_sums_and_layers_that_are_used_again() -> None:
    keras.utils.set_random_seed(0)
    entry = keras.Input((6,))
    dense = layers.Dense(6, "relu")
    x = dense(dense(entry)) + entry
    plain = keras.Model(entry, layers.Dense(3)(x))
    learner = aware.aware(plain)
    given = items(plain)
    learner.compile("adam", "mse")
    learner.train_on_batch(given, plain.predict(given, verbose=0))
    assert sum(layer.name.endswith("_rounded") for layer in learner.layers) == 2
    again = aware.plain_of(learner)
    assert np.array_equal(again.predict(given, verbose=0), plain.predict(given, verbose=0))


def test_a_net_without_weights_is_refused() -> None:
    with pytest.raises(RecipeError, match="no layer with weights"):
        aware.aware(net(layers.Flatten(), layers.ReLU()))


def int8(model: keras.Model, x: NDArray[np.float32] | None) -> Any:
    """An int8 file by TFLiteConverter; without items, by the ranges in the model."""

    @tf.function(input_signature=[tf.TensorSpec((1, *model.input_shape[1:]))])
    def call(x: Any) -> Any:
        return model(x, training=False)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if x is not None:
        converter.representative_dataset = lambda: ([row[None]] for row in x)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    made = tf.lite.Interpreter(model_content=converter.convert())
    made.allocate_tensors()
    return made


def answers(interpreter: Any, x: NDArray[np.float32]) -> NDArray[np.float32]:
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    found = []
    for row in x:
        interpreter.set_tensor(source["index"], row[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(target["index"])[0].copy())
    return np.array(found)


@dataclass(frozen=True)
class Learned:
    """A network, what it was taught by, and what it was taught."""

    plain: keras.Model
    learner: keras.Model
    x: NDArray[np.float32]


@pytest.fixture(scope="module")
def learned() -> Learned:
    plain = images()
    learner, x = aware.aware(plain), items(plain)
    learner.compile("adam", "mse")
    for _ in range(30):
        learner.train_on_batch(x, plain.predict(x, verbose=0))
    return Learned(plain, learner, x)


def test_tflite_makes_true_integers_of_it(learned: Learned) -> None:
    learner, x = learned.learner, learned.x
    interpreter = int8(learner, None)
    kinds = [d["dtype"] for d in interpreter.get_tensor_details() if d["shape"].size > 1]
    assert sum(kind == np.float32 for kind in kinds) <= 2  # the input, and the output
    found = answers(interpreter, x)
    assert np.abs(found - learner.predict(x, verbose=0)).max() < 0.02


def stripes(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images of stripes in four directions, in noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:12, :12]
    y = rng.integers(0, 4, count)
    angle = np.pi * y / 4
    wave = np.sin(
        1.3 * (rows * np.cos(angle)[:, None, None] + columns * np.sin(angle)[:, None, None])
        + rng.uniform(0, 6.28, count)[:, None, None]
    )
    x = wave + 0.9 * rng.standard_normal(wave.shape)
    return x[..., None].astype(np.float32), y


def broken_net(x: NDArray[np.float32], y: NDArray[Any]) -> keras.Model:
    """A network that float cannot tell from a good one, and eight bits can.

    Channels of a depthwise convolution are made up to ten thousand times as large as others, and
    the next layer's weights as much smaller: with ReLU between them nothing changes, but that one
    range has to hold all of them.
    """
    model = net(
        layers.Conv2D(16, 3, 2, activation="relu"),
        layers.DepthwiseConv2D(3, activation="relu", name="wild"),
        layers.Conv2D(16, 1, activation="relu", name="tamed"),
        layers.GlobalAveragePooling2D(), layers.Dense(4, "softmax"), shape=(12, 12, 1),
    )  # fmt: skip
    taught(model, x, y, 12)
    factors = np.logspace(-2, 2, 16, dtype=np.float32)
    np.random.default_rng(0).shuffle(factors)
    wild, tamed = model.get_layer("wild"), model.get_layer("tamed")
    wild.kernel.assign(wild.kernel.numpy() * factors[:, None])
    wild.bias.assign(wild.bias.numpy() * factors)
    tamed.kernel.assign(tamed.kernel.numpy() / factors[:, None])
    return model


def test_it_mends_a_net_that_breaks_in_eight_bits() -> None:
    (x, y), (test, truth) = stripes(1500, 0), stripes(600, 1)
    model = broken_net(x, y)

    def accuracy(scores: NDArray[np.float32]) -> float:
        return float(np.mean(scores.argmax(axis=-1) == truth))

    whole = accuracy(model.predict(test, verbose=0))
    rounded = accuracy(answers(int8(model, x[:100]), test))
    learner = aware.aware(model)
    taught(learner, x, y, 12)
    learned = accuracy(answers(int8(learner, None), test))
    after = accuracy(answers(int8(model, x[:100]), test))  # the plain network, calibrated as ever
    told = f"float {whole:.3f}, int8 {rounded:.3f}; taught rounded: {learned:.3f}, {after:.3f}"
    assert whole - rounded > 0.1, told
    assert learned - rounded > (whole - rounded) / 2, told
    assert after - rounded > (whole - rounded) / 2, told
    print(told)


@pytest.mark.parametrize(("ending", "to"), [("memory", FORMATS), ("keras", ("tflite",))])
def test_its_ranges_go_into_every_format(
    ending: str, to: tuple[Format, ...], learned: Learned, tmp_path: Path
) -> None:
    """Without anything to calibrate on; a checkpoint of the learner is such a file."""
    plain, learner, x = learned.plain, learned.learner, learned.x
    if ending == "keras":
        learner.save(tmp_path / "net.keras")
        source = open_source(tmp_path / "net.keras")
    else:
        source = source_of(learner, tmp_path / "net.keras")
    (given,) = source.answer({"image": x}).values()
    assert np.allclose(given, plain.predict(x, verbose=0))
    found = convert_source(Job(source), to, ("fp32", "int8"))
    assert {w.artifact.id for w in found.written} == {
        f"{format}-{precision}" for format in to for precision in ("fp32", "int8")
    }  # fmt: skip
    report = Judge(SourceReference(source, Items({"image": x}))).verify(found.written)
    by_chance = ("agreement", "metric_drop")  # it learned nothing
    for verdict in report.verdicts:
        failed = [c for c in verdict.checks if not c.passed and c.name not in by_chance]
        assert not verdict.error and not failed, (verdict.id, verdict.error, failed)


def test_a_net_that_was_not_taught_so_has_none() -> None:
    source = source_of(images(), Path("net.keras"))
    routes = Conversion(Job(source)).routes("tflite", "int8")
    assert all(seen.closed for seen in routes)
    assert any("was not trained with rounding" in seen.closed for seen in routes)


SHORT = replace(RECIPE, schedule=replace(RECIPE.schedule, epochs=2))
ROUNDED = replace(SHORT, schedule=replace(SHORT.schedule, qat=True))


@pytest.fixture(scope="module")
def rounded(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with `qat = true`."""
    return train(ROUNDED, tones, tmp_path_factory.mktemp("rounded") / "run")


def test_as_a_recipe_says(rounded: Run, tones: Path, tmp_path: Path) -> None:
    """`qat = true`: trained, stopped and gone on with, the run is one like any other."""
    assert not aware.is_aware(rounded.model())
    found = convert_run(rounded, tones, ("tflite",), ("fp32", "int8"))
    assert len(found.written) == 2
    plain = train(SHORT, tones, tmp_path / "plain")
    pairs = zip(rounded.model().weights, plain.model().weights, strict=True)
    assert any(not np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)


def test_an_interrupted_one_goes_on(rounded: Run, tones: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(ROUNDED, tones, tmp_path / "stopped", Stops(1))
    resumed = train(ROUNDED, tones, tmp_path / "stopped")
    pairs = zip(rounded.model().weights, resumed.model().weights, strict=True)
    assert all(np.allclose(np.asarray(a), np.asarray(b), atol=1e-5) for a, b in pairs)
