"""Artifacts on disk: found again as they were, and nothing else touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgenets.converters import store
from edgenets.errors import ModelError
from tests.converters.trained import Trained


def test_they_are_found_again(trained: Trained, tmp_path: Path) -> None:
    written = trained.conversion.written
    store.save(tmp_path, written, ("one in int8: why",))
    found, missing = store.load(tmp_path)
    assert [(w.artifact, w.files) for w in found] == [(w.artifact, w.files) for w in written]
    assert missing == ("one in int8: why",)


def test_those_of_before_go_and_what_others_put_there_stays(
    trained: Trained, tmp_path: Path
) -> None:
    first, second = trained.get("openvino-int8"), trained.get("tflite-int8")
    target = store.save(tmp_path, [first])
    (target / "notes.txt").write_text("mine", encoding="utf-8")
    (target / "mine").mkdir()
    store.save(tmp_path, [second])
    assert {p.name for p in target.iterdir()} == {*second.files, store.INDEX, "notes.txt", "mine"}


@pytest.mark.parametrize("index", ["", "{", "[]", '{"artifacts": []}', "\xff"])
def test_a_broken_index_costs_no_file(trained: Trained, tmp_path: Path, index: str) -> None:
    written = trained.get("tflite-int8")
    target = store.save(tmp_path, [written])
    (target / store.INDEX).write_text(index, encoding="latin-1")
    with pytest.raises(ModelError, match=r"artifacts\.json: .*`edgenets convert` again"):
        store.load(tmp_path)
    (target / "kept.bin").write_bytes(b"1")
    store.save(tmp_path, [written])
    assert (target / "kept.bin").read_bytes() == b"1"
    assert len(store.load(tmp_path)[0]) == 1


def test_a_damaged_index_reaches_no_other_folder(trained: Trained, tmp_path: Path) -> None:
    written = trained.get("tflite-int8")
    path = store.save(tmp_path, [written]) / store.INDEX
    (tmp_path / "precious").write_bytes(b"1")
    damaged = path.read_text(encoding="utf-8").replace("tflite-int8.tflite", "../precious")
    path.write_text(damaged, encoding="utf-8")
    store.save(tmp_path, [written])
    assert (tmp_path / "precious").read_bytes() == b"1"
    assert len(store.load(tmp_path)[0]) == 1


def test_a_file_that_changed_is_refused(trained: Trained, tmp_path: Path) -> None:
    target = store.save(tmp_path, [trained.get("tflite-int8")])
    (target / "tflite-int8.tflite").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"tflite-int8\.tflite: changed"):
        store.load(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="run `edgenets convert"):
        store.load(tmp_path)
