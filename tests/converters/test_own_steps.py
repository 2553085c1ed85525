"""Step models of files that users bring: several heads, given states, none at all, tokens."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from edgenets.converters.routes.folder import convert_file, job_of, verify_folder
from edgenets.converters.verify.appendix import Wanted

pytestmark = pytest.mark.slow

WIDTH, STEPS = 4, 12


def heads() -> keras.Model:
    entry = keras.Input((None, WIDTH), name="features")
    x = layers.GRU(6, return_sequences=True)(entry)
    return keras.Model(entry, [layers.Dense(3, name="one")(x), layers.Dense(2, name="two")(x)])


def given() -> keras.Model:
    entry, first = keras.Input((None, WIDTH), name="features"), keras.Input((6,), name="first")
    x = layers.GRU(6, return_sequences=True)(entry, initial_state=first)
    return keras.Model([entry, first], layers.Dense(3)(x))


def stateless() -> keras.Model:
    entry = keras.Input((None, WIDTH), name="features")
    return keras.Model(entry, layers.Dense(3)(layers.Dense(8, "relu")(entry)))


def last() -> keras.Model:
    return keras.Sequential([layers.Input((None, WIDTH), name="features"), layers.LSTM(5)])


def tokens() -> keras.Model:
    entry = keras.Input((None,), dtype="int32", name="tokens")
    return keras.Model(entry, layers.Dense(3)(layers.GRU(6)(layers.Embedding(9, 5)(entry))))


@pytest.mark.parametrize("build", [heads, given, stateless, last, tokens])
def test_they_are_held_against_the_model(build: object, tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    model = build()  # type: ignore[operator]
    model.save(tmp_path / "net.keras")
    rng = np.random.default_rng(0)
    items = {
        t.name: rng.integers(0, 9, (40, STEPS))
        if t.dtype == "int32"
        else rng.standard_normal((40, *(STEPS if d is None else d for d in t.shape[1:]))).astype(
            "f"
        )
        for t in model.inputs
    }
    np.savez(tmp_path / "items.npz", **items)
    job = job_of(tmp_path / "net.keras", tmp_path / "items.npz")
    found = convert_file(job, tmp_path, ("tflite", "onnx"), ("fp32", "int8"))
    assert all(written.route[0] == "walk (edgenets)" for written in found.written)
    made = {written.artifact.id for written in found.written}
    assert made >= {"tflite-fp32", "onnx-fp32"}
    if len(items) > 1:
        assert all("calibrated from Python alone" in line for line in found.missing)
    else:
        assert made >= {"tflite-int8", "onnx-int8"}, found.missing
    report = verify_folder(tmp_path, tmp_path / "items.npz", wanted=Wanted(only_verdict=True))
    for verdict in report.verdicts:
        assert not verdict.error, (verdict.id, verdict.error)
        close = [c for c in verdict.checks if c.name in ("max_error", "relative_error")]
        assert close and all(c.passed for c in close), verdict
