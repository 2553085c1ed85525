"""What users made with earlier versions: bundles, run folders, recipes, options and scripts."""

from __future__ import annotations

import importlib
import json
import shutil
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenets import bundle as bundles
from edgenets import events, recipe, zoo
from edgenets.artifact import Artifact
from edgenets.bundle import Bundle
from edgenets.cli.options import emit
from edgenets.converters import store
from edgenets.errors import RecordError
from edgenets.runtime.selftest import selftest
from tests.commands import Call, call

__all__ = ["call"]

EARLIER = Path(__file__).parent / "earlier"

RECIPES = Path(recipe.__file__).parent / "recipes"

# One a schema, as the version of its time wrote it.
BUNDLES = sorted(EARLIER.glob("*.edge"))


def test_there_is_one_of_every_schema() -> None:
    versions = {json.loads(zipfile.ZipFile(p).read("manifest.json"))["format_version"]
                for p in BUNDLES}  # fmt: skip
    assert versions == set(range(1, bundles.FORMAT_VERSION))


@pytest.mark.parametrize("path", BUNDLES, ids=lambda p: p.stem)
class TestBundles:
    def test_it_answers_as_before(self, path: Path) -> None:
        assert [t.passed for t in selftest(Bundle(path))] == [True]

    def test_it_is_run(self, path: Path, call: Call, tmp_path: Path) -> None:
        out = tmp_path / "seen.jsonl"
        done = call("run", path, "null:8x8?seconds=0.2&rate=20", "--sink", f"jsonl:{out}")
        assert done.code == 0 and "seen" in out.read_text(encoding="utf-8")

    def test_what_is_made_of_it_is_of_today(self, path: Path, tmp_path: Path) -> None:
        before, now = Bundle(path), tmp_path / "now.edge"
        manifest = before.manifest
        bundles.write(now, before.spec, *before.contents(), manifest.licence, manifest.made_by)
        after = Bundle(now)
        assert after.manifest.format_version == bundles.FORMAT_VERSION
        names = zipfile.ZipFile(now).namelist()
        assert not [n for n in names if "artefact" in n or "picture" in n]
        for mine, its in zip(before.artifacts, after.artifacts, strict=True):
            assert mine == its and before.files(mine) == after.files(its)
            np.testing.assert_array_equal(before.golden_output(mine), after.golden_output(its))


def test_a_member_under_both_names_is_refused(tmp_path: Path) -> None:
    """Which of them would be read is nobody's guess."""
    path = tmp_path / "two.edge"
    shutil.copy(EARLIER / "format-1.edge", path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("artifacts/tiny.onnx", b"another")
    with pytest.raises(bundles.BundleError, match="tampered with"):
        Bundle(path)


def test_converted_models(tmp_path: Path) -> None:
    """They are read where they are, and replaced by those of today."""
    shutil.copytree(EARLIER / "artefacts", tmp_path / "artefacts")
    (written,), _ = store.load(tmp_path)
    assert written.artifact.id == "onnx-fp32"
    assert written.route == () or all(isinstance(step, str) for step in written.route)
    origin = store.origin(tmp_path)
    assert origin is not None and origin.variant == "auto"
    store.save(tmp_path, [written], (), origin)
    assert not (tmp_path / "artefacts").exists()
    assert store.load(tmp_path)[0][0].files == written.files


def test_what_is_the_user_s_own_stays(tmp_path: Path) -> None:
    shutil.copytree(EARLIER / "artefacts", tmp_path / "artefacts")
    (tmp_path / "artefacts" / "notes.txt").write_text("mine")
    store.save(tmp_path, store.load(tmp_path)[0])
    assert [p.name for p in (tmp_path / "artefacts").iterdir()] == ["notes.txt"]


# Keys and choices of recipes that were called otherwise, by the recipe that has them.
OLD = [
    ("image-classify", "bundle", {"artefacts": ["tflite-int8"]}, {"artifacts": ("tflite-int8",)}),
    ("image-classify", "quantize", {"pictures": 40}, {"samples": 40}),
    ("image-classify", "input", {"colour": "bgr"}, {"color": "bgr"}),
    ("kws-gru", "quantize", {"clips": 40}, {"samples": 40}),
    ("anomaly", "features", {"kind": "habits"}, {"kind": "seasonal"}),
    ("anomaly", "model", {"architecture": "habits-rnn"}, {"architecture": "seasonal-rnn"}),
]  # fmt: skip


def _plain(name: str) -> dict[str, Any]:
    return tomllib.loads((RECIPES / f"{name}.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "table", "old", "new"), OLD)
def test_recipes(name: str, table: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    plain = _plain(name)
    own = {k: v for k, v in plain.get(table, {}).items() if k not in new}
    found = recipe.parse(plain | {table: own | old})
    for key, value in new.items():
        assert getattr(getattr(found, table), key) == value


def test_both_names_of_a_key_are_refused() -> None:
    plain = _plain("image-classify")
    both = plain["input"] | {"color": "rgb", "colour": "bgr"}
    with pytest.raises(RecordError, match="is the old name of 'color'; say one"):
        recipe.parse(plain | {"input": both})


@pytest.mark.parametrize(
    ("command", "old", "new"),
    [("import", ("--colour", "rgb"), "--color"), ("convert", ("--form=whole",), "--variant"),
     ("batch", ("--form", "whole"), "--variant"), ("verify", ("--mend",), "--mixed-precision")],
)  # fmt: skip
def test_options(call: Call, command: str, old: tuple[str, ...], new: str) -> None:
    done = call(command, "no-such-thing", *old)
    assert f"is called {new} now" in done.err and "No such option" not in done.err
    assert old[0].partition("=")[0] not in call(command, "--help").out


def test_keys_of_json(call: Call) -> None:
    found = call("inspect", "kws-gru", "--json").json()
    assert found["artefacts"] == found["artifacts"] != []


def test_labels_are_no_keys(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"artifact": "tflite-int8", "objects": {"color": 2, "artifact": 1}})
    found = json.loads(capsys.readouterr().out)
    assert found["artefact"] == "tflite-int8"
    assert found["objects"] == {"color": 2, "artifact": 1}


def test_scripts() -> None:
    """Attributes and classes by their old names are those of today, and no others."""
    old: Any = importlib.import_module("edgenets.artefact")
    bundle = zoo.load("kws-gru")
    assert old.Artefact is Artifact and old.FORMATS
    assert bundle.artefacts == bundle.artifacts
    assert bundle.artefact("tflite-int8") is bundle.artifact("tflite-int8")
    summary: Any = events.Summary("x.edge", "tflite-int8", "a CPU")
    assert summary.artefact == "tflite-int8" and summary.remarks is summary.notices
    with pytest.raises(AttributeError, match="'Summary' object has no attribute 'picture'"):
        _ = summary.picture
    assert old_names_are_of(events.Anomaly, "Surprising") and old_names_are_of(
        events.Notice, "Remark"
    )


def old_names_are_of(cls: type, name: str) -> bool:
    return getattr(events, name) is cls
