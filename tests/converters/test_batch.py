"""Many models side by side: what became of each, and that a stopped batch goes on."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgenets.converters.routes import apart
from edgenets.converters.routes import batch as module
from edgenets.converters.routes.batch import BatchOptions, batch
from edgenets.converters.routes.conversion import Conversion
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of
from edgenets.errors import ModelError
from tests.commands import Call, call
from tests.converters import wholes

__all__ = ["call"]  # a fixture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two models, one of which is none, and items of the other."""
    (tmp_path / "items").mkdir()
    wholes.built("products").save(tmp_path / "products.keras")
    (tmp_path / "broken.tflite").write_bytes(b"TFL3" * 40)
    features = np.random.default_rng(0).standard_normal((20, 12)).astype(np.float32)
    for name in ("products", "broken"):
        np.savez(tmp_path / "items" / f"{name}.npz", features=features)
    return tmp_path


@pytest.mark.slow
def test_by_the_command_line(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    models, items = [folder / "products.keras", folder / "broken.tflite"], folder / "items"
    words = (
        "batch", *models, "--out", folder / "out", "--to", "tflite,onnx", "--precision",
        "fp32,int8", "--calibration", items, "--data", items, "--jobs", "2",
    )  # fmt: skip
    told = call(*words, "--json")
    good, bad = told.json()["models"]
    assert told.code == 1 and good["well"] and not bad["well"]
    assert {a["id"] for a in good["artifacts"]} == {v["id"] for v in good["verdicts"]}
    assert len(good["artifacts"]) == 4 and all(v["passed"] for v in good["verdicts"])
    assert "damaged TFLite file" in bad["error"] or "no TFLite file" in bad["error"]
    assert (folder / "out" / "products.keras" / "report.json").is_file()

    # Again: what went well is not asked for any more, what did not is.
    asked = []

    def refuse(path: Path, *_: object, **__: object) -> None:
        asked.append(path)
        raise ModelError(f"{path}: is only asked for here")

    monkeypatch.setattr(module.apart, "convert", refuse)
    shown = call(*words)
    assert asked == [folder / "broken.tflite"] and "4 of 4" in shown.out

    # A model that is another now is converted anew.
    wholes.built("products", seed=1).save(folder / "products.keras")
    call(*words)
    assert folder / "products.keras" in asked


def test_a_batch_that_is_stopped_keeps_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{name}.onnx" for name in "abc"]
    for path in paths:
        path.write_bytes(path.name.encode())
    done: list[str] = []

    def convert(path: Path, *_: object, **__: object) -> dict[str, object]:
        if path.name == "b.onnx" and not done.count("b.onnx"):
            done.append(path.name)
            raise KeyboardInterrupt
        done.append(path.name)
        return {"artifacts": [{"id": "onnx-fp32", "bytes": 1, "route": []}], "missing": []}

    monkeypatch.setattr(module.apart, "convert", convert)
    monkeypatch.setattr(module, "_is_there", lambda *_: True)
    options = BatchOptions(("onnx",))
    with pytest.raises(KeyboardInterrupt):
        batch(paths, tmp_path / "out", options)
    saved = json.loads((tmp_path / "out" / "batch.json").read_text())["entries"]
    assert "a.onnx" in saved and "b.onnx" not in saved
    found = batch(paths, tmp_path / "out", options)
    assert [Path(one.model).name for one in found] == ["a.onnx", "b.onnx", "c.onnx"]
    assert done.count("a.onnx") == 1 and all(one.well for one in found)
    # Other options are another batch.
    batch(paths, tmp_path / "out", BatchOptions(("onnx",), ("fp32",)))
    assert done.count("a.onnx") == 2


def test_other_items_are_another_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    convert = apart.convert
    monkeypatch.setattr(
        module.apart, "convert",
        lambda path, *a, **k: (asked.append(path), convert(path, *a, **k))[1],
    )  # fmt: skip
    source = source_of(wholes.built("products"), folder / "products.keras")
    (content,) = Conversion(Job(source)).convert("onnx", "fp32").files.values()
    (folder / "products.onnx").write_bytes(content)  # which is done sooner than a Keras file
    models, out, items = [folder / "products.onnx"], folder / "out", folder / "items"
    options = BatchOptions(("onnx",), ("fp32",), calibration=str(items), data=str(items))

    def again() -> int:
        (one,) = batch(models, out, options)
        assert one.well, one.error
        return len(asked)

    assert (again(), again()) == (1, 1)
    # Of the same name, and with other numbers in them.
    features = np.random.default_rng(1).standard_normal((20, 12)).astype(np.float32)
    np.savez(items / "products.npz", features=features)
    assert (again(), again()) == (2, 2)
    # What it made is gone.
    shutil.rmtree(out / "products.onnx")
    assert (again(), again()) == (3, 3)
    # What was to be verified or calibrated, and could not be, is not well.
    calibration = (items / "products.npz").rename(folder / "some.npz")
    (one,) = batch(models, out, options)
    assert not one.well and "has no products.npz to calibrate it on" in one.error
    (one,) = batch(models, out, replace(options, calibration=str(calibration)))
    assert not one.well and "has no products.npz to verify it on" in one.error


def test_two_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="several models are called net"):
        batch(
            [tmp_path / "a" / "net.onnx", tmp_path / "b" / "net.onnx"], tmp_path, BatchOptions(())
        )
