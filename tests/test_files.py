"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from edgenets.files import replacing, write_json


def test_a_file_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.json"
    for number in (1, 2):
        with replacing(path) as beside:
            assert beside.parent == path.parent and beside.suffix == ".json"
            beside.write_text(str(number))
            assert not path.exists() or path.read_text() == "1"
        assert path.read_text() == str(number)
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")

    def fail() -> None:
        with replacing(path) as beside:
            beside.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "before" and len(list(tmp_path.iterdir())) == 1


def test_json_for_people_and_programs(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": ["ü"], "a": None})
    assert path.read_text(encoding="utf-8") == '{\n  "b": [\n    "ü"\n  ],\n  "a": null\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, math.nan)
    assert json.loads(path.read_text(encoding="utf-8")) == {"b": ["ü"], "a": None}


def test_a_place_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError), replacing(tmp_path / "file" / "a"):
        pass
