"""Bundles for tests: made by hand where nothing is computed, of a small untrained one elsewhere."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenets import archive, records
from edgenets.artifact import Artifact, Format, TensorInfo
from edgenets.bundle import (
    CARD,
    GOLDEN_SOUND,
    MANIFEST,
    REPORT,
    Bundle,
    Manifest,
    Member,
    golden_name,
    write,
)
from edgenets.sound.input import AudioInput
from edgenets.stepspec import StepSpec
from edgenets.tasks.keywords.spec import KeywordDecoding, KeywordSpec

# With the null backend all labels are equally likely, and the first one is heard once in each
# recording, when five steps of 40 ms are full.
SPEC = KeywordSpec(
    name="tiny",
    task="keywords",
    labels=("yes", "no", "_unknown_", "_silence_"),
    input=AudioInput(mean=-5.0, std=3.0),
    decoding=KeywordDecoding(threshold=0.24),
    step=StepSpec(frames=2),
)

HEARD_AT = (9 * 320 + 480) / 16_000  # s, the end of the last frame of the fifth step

Change = Callable[[dict[str, Any]], None]


def artifact(
    format: Format = "tflite", name: str = "model.bin", spec: KeywordSpec = SPEC
) -> Artifact:
    """An artifact without state that fits a spec."""
    features = TensorInfo(spec.step.input, (1, spec.step.frames, spec.input.bands), "float32")
    logits = TensorInfo(spec.step.output, (1, 1, len(spec.labels)), "float32")
    return Artifact(format, "fp32", (name,), (features,), (logits,))


def members(spec: KeywordSpec = SPEC) -> dict[str, bytes]:
    """What a small bundle holds beside its manifest; its model is none."""
    one = artifact(spec=spec)
    return {
        "artifacts/model.bin": bytes(range(256)) * 3,
        REPORT: json.dumps({"verdicts": [{"id": one.id, "accuracy": 0.5}]}).encode(),
        CARD: b"# A model\n",
        GOLDEN_SOUND: np.zeros(1600, "<i2").tobytes(),
        golden_name(one): np.zeros((1, len(spec.labels)), "<f4").tobytes(),
    }


def make_fake(path: Path, spec: KeywordSpec = SPEC) -> Path:
    """A bundle that only the null backend can run."""
    held = members(spec)
    files = {"model.bin": held.pop("artifacts/model.bin")}
    write(path, spec, {artifact(spec=spec): files}, held, "CC0-1.0", "tests")
    return path


def manifest(held: Mapping[str, bytes]) -> dict[str, Any]:
    """The plain manifest of some members."""
    listed = {n: Member(hashlib.sha256(d).hexdigest(), len(d)) for n, d in held.items()}
    made: dict[str, Any] = records.to_plain(
        Manifest(1, SPEC, (artifact(),), listed, "CC0-1.0", "tests")
    )
    return made


def make_with(path: Path, change: Change, held: Mapping[str, bytes] | None = None) -> Path:
    """A bundle whose manifest was changed by hand."""
    held = members() if held is None else held
    plain = manifest(held)
    change(plain)
    archive.write(path, {MANIFEST: json.dumps(plain).encode(), **held})
    return path


def rewrite(source: Path, path: Path, change: Change) -> Path:
    """A real bundle with another manifest, all else as it was."""
    opened = Bundle(source)
    plain = records.to_plain(opened.manifest)
    change(plain)
    held = {name: bytes(opened.read(name)) for name in opened.manifest.members}
    archive.write(path, {MANIFEST: json.dumps(plain).encode(), **held})
    return path


@functools.cache
def conversion() -> Any:
    """A small recurrent network, untrained, as artifacts of all formats in fp32 and int8."""
    from edgenets import models
    from edgenets.converters.step.convert import convert
    from edgenets.extras import require
    from edgenets.recipeparts import ModelRecipe

    require("keras").utils.set_random_seed(1)
    recipe = ModelRecipe("kws-gru", frames_per_step=2, stem=8, units=(8,))
    net = models.build(recipe, SPEC.input.bands, len(SPEC.labels))
    clips = np.random.default_rng(1).standard_normal((8, 50, SPEC.input.bands))
    formats = ("tflite", "onnx", "openvino")
    return convert(net, clips.astype(np.float32), formats, ("fp32", "int8"))


def make_real(path: Path, spec: KeywordSpec = SPEC) -> Path:
    """A bundle of `conversion`, golden data and all."""
    from edgenets.backend import load
    from edgenets.tasks.keywords.task import Keywords

    written = conversion().written
    others = {
        REPORT: b'{"verdicts": []}',
        CARD: b"# A model\n",
        **Keywords().golden(spec),
    }
    for item in written:
        session = load(item.artifact.format, item.artifact, item.files)
        output = Keywords().golden_output(spec, session)
        others[golden_name(item.artifact)] = output.astype("<f4").tobytes()
    write(path, spec, {w.artifact: w.files for w in written}, others, "CC0-1.0", "tests")
    return path


def quiet(spec: KeywordSpec = SPEC) -> KeywordSpec:
    """A spec in which the null backend hears nothing."""
    return dataclasses.replace(spec, decoding=KeywordDecoding())


@pytest.fixture(scope="session")
def fake_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_fake(tmp_path_factory.mktemp("fake") / "fake.edge")


@pytest.fixture(scope="session")
def real_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_real(tmp_path_factory.mktemp("real") / "real.edge")
