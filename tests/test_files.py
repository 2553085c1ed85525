"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import math
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edgenets import files
from edgenets.files import remove_leftovers, replacing, write_json


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


def test_a_planted_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "shared"
    victim.write_text("precious")
    folder.mkdir()
    (folder / f".a.{os.getpid()}.txt").symlink_to(victim)  # a name that could be predicted
    with replacing(folder / "a.txt") as beside:
        beside.write_text("new")
    assert (folder / "a.txt").read_text() == "new" and victim.read_text() == "precious"
    # Even one who knows the name: it is made anew or not at all.
    monkeypatch.setattr(files.secrets, "token_hex", lambda n: "0" * 2 * n)
    (folder / f".a.{os.getpid()}-{'0' * 16}.txt").symlink_to(victim)
    with pytest.raises(FileExistsError), replacing(folder / "a.txt"):
        pass
    assert victim.read_text() == "precious"


def test_a_link_that_is_put_in_its_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o600)
    with pytest.raises(OSError), replacing(tmp_path / "a.txt") as beside:
        beside.unlink()
        beside.symlink_to(victim)
    assert not (tmp_path / "a.txt").exists() and stat.S_IMODE(victim.stat().st_mode) == 0o600


def test_a_link_is_replaced_and_what_it_led_to_is_not(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("before")
    (tmp_path / "a").symlink_to("other")
    with replacing(tmp_path / "a") as beside:
        beside.write_text("new")
    assert not (tmp_path / "a").is_symlink() and (tmp_path / "other").read_text() == "before"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o755])
def test_a_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.txt"
    path.touch()
    path.chmod(mode)
    with replacing(path) as beside:
        assert not stat.S_IMODE(beside.stat().st_mode) & ~mode & 0o077  # nobody sees more meanwhile
        beside.write_text("new")
    assert path.read_text() == "new" and stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_mode_that_files_have(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with replacing(tmp_path / "a") as beside:
        beside.write_text("new")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    for name in ("a" * 251 + ".txt", "ü" * 125 + ".txt"):
        with replacing(tmp_path / name) as beside:
            beside.write_text("new")
        assert (tmp_path / name).read_text() == "new"


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from edgenets.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as beside:\n"
        "    beside.write_text('half'); print(flush=True); time.sleep(100)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "seen-1.jpg")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline()
        assert remove_leftovers(tmp_path, "seen-") == (0, 0)  # it is being written
        writer.send_signal(signal.SIGKILL)
    others = (".seen-1.jpg", ".a.1-0123456789abcdef.txt", ".b.7.txt", "seen-2.jpg", ".git")
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / f".seen-3.{2**22 + 1}.jpg").write_text("of a release before")
    assert remove_leftovers(tmp_path, "seen-") == (2, 4 + 19)
    assert {p.name for p in tmp_path.iterdir()} == set(others)


def test_the_next_process_that_writes_there_removes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f".model.{2**22 + 1}-0123456789abcdef.keras").touch()
    monkeypatch.setattr(files, "_looked_through", set())
    write_json(tmp_path / "a.json", {})
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
