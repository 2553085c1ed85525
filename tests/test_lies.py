"""Manifests that lie about a real model: its backend finds out, and says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenets import backend
from edgenets.bundle import Bundle
from edgenets.errors import BackendError, BundleError
from tests.bundles import SPEC, real_bundle, rewrite
from tests.commands import Call, call

__all__ = ["call", "real_bundle"]  # fixtures

IDS = [f"{f}-{p}" for f in ("tflite", "onnx", "openvino") for p in ("fp32", "int8")]

Lie = Callable[[dict[str, Any]], None]


def in_state(**fields: Any) -> Lie:
    def change(plain: dict[str, Any]) -> None:
        plain["states"][0]["input"].update(fields)
        plain["states"][0]["output"].update(fields)

    return change


def renamed(kind: str, end: str) -> Lie:
    return lambda plain: plain[kind][0][end].update(name="nothing")


def cross_linked(plain: dict[str, Any]) -> None:
    plain["states"][0]["output"], plain["states"][1]["output"] = (
        plain["states"][1]["output"], plain["states"][0]["output"],
    )  # fmt: skip


LIES: dict[str, Lie] = {
    "state shape": in_state(shape=[1, 3, 3]),
    "huge state": in_state(shape=[1, 1 << 24]),
    "state type": in_state(dtype="int64", quantization=None),
    "state type and scale": in_state(
        dtype="int16", quantization={"scale": 1.0, "zero_point": 0, "dtype": "int16"}),
    "state name": lambda plain: plain["states"][0]["input"].update(name="nothing"),
    "next state's name": lambda plain: plain["states"][0]["output"].update(name="nothing"),
    "no states": lambda plain: plain.update(states=[]),
    "cross-linked states": cross_linked,
    "output type": lambda plain: plain["outputs"][0].update(
        dtype="int8", quantization={"scale": 0.1, "zero_point": 0, "dtype": "int8"}),
    "input type": lambda plain: plain["inputs"][0].update(
        dtype="uint8", quantization={"scale": 0.1, "zero_point": 0, "dtype": "uint8"}),
}  # fmt: skip


def told(real: Path, path: Path, id: str, lie: Lie) -> Path:
    """The bundle with a lie about one of its artifacts."""

    def change(plain: dict[str, Any]) -> None:
        (one,) = (a for a in plain["artifacts"] if f"{a['format']}-{a['precision']}" == id)
        lie(one)

    return rewrite(real, path, change)


def load_and_run(path: Path, id: str) -> None:
    bundle = Bundle(path)
    artifact = bundle.artifact(id)
    session = backend.load(artifact.format, artifact, bundle.files(artifact))
    rows = np.zeros((20, SPEC.input.bands), np.float32)
    out = backend.run_sequence(session, rows)
    assert out.shape == (10, 1, len(SPEC.labels))


@pytest.mark.parametrize("id", IDS)
def test_the_truth_runs(real_bundle: Path, id: str) -> None:
    load_and_run(real_bundle, id)


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("id", IDS)
def test_a_lie_is_found_out(real_bundle: Path, tmp_path: Path, id: str, lie: str) -> None:
    with pytest.raises((BackendError, BundleError)) as caught:
        load_and_run(told(real_bundle, tmp_path / "lying.edge", id, LIES[lie]), id)
    assert "\n" not in str(caught.value)


def in_scale(plain: dict[str, Any]) -> None:
    for link in plain["states"]:
        for end in ("input", "output"):
            if link[end]["quantization"] is not None:
                link[end]["quantization"]["scale"] *= 3


def in_zero_point(plain: dict[str, Any]) -> None:
    for link in plain["states"]:
        for end in ("input", "output"):
            if link[end]["quantization"] is not None:
                link[end]["quantization"]["zero_point"] = 77


@pytest.mark.parametrize("lie", [in_scale, in_zero_point], ids=lambda f: f.__name__)
@pytest.mark.parametrize("id", [id for id in IDS if id.endswith("int8")])
def test_a_lie_about_numbers_is_found_out_or_changes_little(
    real_bundle: Path, tmp_path: Path, id: str, lie: Lie, call: Call
) -> None:
    """Some files do not say what their integers stand for. States are carried as they are, so that
    nothing depends on it but what they begin with; golden data show how much."""
    path = told(real_bundle, tmp_path / "lying.edge", id, lie)
    try:
        load_and_run(path, id)
    except BackendError:
        return
    found = call("selftest", path, "--json")
    (trial,) = (t for t in found.json()["trials"] if t["id"] == id)
    assert trial["passed"] == (trial["difference"] <= trial["tolerance"])
    assert found.code == (0 if trial["passed"] else 1)
