"""Ranges of activations: how each calibrator finds them, and the one that is best."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets.artifact import FORMATS, Format
from edgenets.converters.routes.conversion import Conversion
from edgenets.converters.routes.converter import Job
from edgenets.converters.routes.proof import Proof
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.source import Source
from edgenets.converters.whole import tfliteranges
from edgenets.converters.whole.ranges import BINS, nearest, percentile
from edgenets.errors import ConversionError
from edgenets.recipeparts import CALIBRATORS, Calibrator, QuantizeRecipe


def histogram(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts, edges = np.histogram(values, BINS)
    return counts, edges


@given(st.integers(0, 1 << 30), st.floats(0.1, 100))
@settings(max_examples=20, deadline=None)
def test_ranges_of_values(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    values = size * rng.standard_normal(400_000)
    values[0] = 40 * size  # one that is far from all others
    low, high = nearest(*histogram(values))
    assert low < 0 < high < 0.8 * values.max()
    most_low, most_high = percentile(*histogram(values))
    assert values.min() - 0.1 * size < most_low < -3 * size and 3 * size < most_high < high + size
    plain = np.abs(rng.standard_normal(1000))
    assert nearest(*histogram(plain))[0] == 0.0
    assert percentile(*histogram(plain))[1] == pytest.approx(plain.max(), rel=0.01)


def test_what_is_always_the_same_has_a_range() -> None:
    assert nearest(np.zeros(BINS, np.int64), np.linspace(0, 1, BINS + 1)) == (0.0, 0.0)
    counts, edges = histogram(np.full(10, 3.0))
    low, high = nearest(counts, edges)
    assert low <= 0 and high > 0


@pytest.fixture(scope="module")
def source() -> Source:
    """A small network whose hidden numbers are now and then far from all others."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([
        keras.Input((8, 8, 3)), keras.layers.Conv2D(8, 3, activation="relu"),
        keras.layers.Conv2D(8, 3), keras.layers.Flatten(), keras.layers.Dense(5),
    ])  # fmt: skip
    return source_of(model, Path("net.keras"), ["scores"])


def images(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.uniform(0, 1, (48, 8, 8, 3)).astype(np.float32)
    found[5, 3, 3] = 30.0
    return found


def job(source: Source, calibrator: str) -> Job:
    samples = {source.inputs[0].name: images(1)}
    quantize = QuantizeRecipe(calibrator=calibrator)  # type: ignore[arg-type]
    return Job(source, samples, quantize=quantize)


@pytest.mark.parametrize("format", FORMATS)
def test_every_calibrator_in_every_format(format: Format, source: Source) -> None:
    made: dict[str, bytes] = {}
    for name in CALIBRATORS:
        if format == "tflite" and tfliteranges.why_not(name):
            continue
        written = Conversion(job(source, name)).convert(format, "int8")
        made[name] = b"".join(written.files.values())
        proof = Proof(source, {source.inputs[0].name: images(2)}, {}, 32)
        assert proof.fit(written) > 0.2
    assert made["mse"] != made["minmax"] != made["moving-average"]


@pytest.mark.parametrize("format", FORMATS)
def test_the_best_is_kept_and_every_try_is_said(format: Format, source: Source) -> None:
    written = Conversion(job(source, "auto")).convert(format, "int8")
    note = written.artifact.note or ""
    assert "of those that were tried: minmax" in note and "mse" in note
    chosen: Calibrator = note.split("calibrator ")[1].split(",")[0]  # type: ignore[assignment]
    proof = Proof(source, {source.inputs[0].name: images(1)}, {}, 128)
    each = {
        name: proof.fit(Conversion(job(source, name)).convert(format, "int8"))
        for name in ("minmax", "mse", chosen)
    }
    assert each[chosen] == max(each.values())


def test_what_tflite_has_not_is_said() -> None:
    with pytest.raises(ConversionError, match="entropy is ONNX Runtime's alone"):
        tfliteranges.with_ranges(b"", "entropy", {}, iter(()))


def test_small_probabilities_stay_float(source: Source) -> None:
    """Integers of 1/256 would tell none of a thousand labels from another."""
    keras.utils.set_random_seed(4)
    model = keras.Sequential([
        keras.Input((8, 8, 3)), keras.layers.Conv2D(8, 3, activation="relu"),
        keras.layers.Flatten(), keras.layers.Dense(600, activation="softmax"),
    ])  # fmt: skip
    one = source_of(model, Path("net.keras"), ["scores"])
    samples = {one.inputs[0].name: np.random.default_rng(1).uniform(0, 1, (32, 8, 8, 3))
               .astype(np.float32)}  # fmt: skip
    for format in FORMATS:
        written = Conversion(Job(one, samples)).convert(format, "int8")
        assert "stay float" in (written.artifact.note or "") or format == "openvino"
        assert Proof(one, samples, {}, 32).agreement(written) > 0.8
