"""The keeper: releases are tried, kept or taken back; nothing between is ever served."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import math
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.devices import keeper
from edgenets.devices.deploy import keeping
from edgenets.devices.keeper import environment, objects, service
from edgenets.devices.keeper.errors import KeeperError
from edgenets.devices.keeper.trial import MOST_BOOTS
from tests.devices.board import DIFFERENT, EQUAL, Board

FOLDER = Path(keeper.__path__[0])


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path / "board")


class TestTrial:
    def test_a_release_that_holds_is_kept(self, board: Board) -> None:
        first, second = board.stage("1"), board.stage("2")
        assert board.deploy(first) == {"kept": True}
        assert board.deploy(second) == {"kept": True}
        state = board.state()
        assert (state["serving"], state["previous"]) == (second.id, first.id) == (
            board.serving, first.id
        )  # fmt: skip
        assert state["log"][-1]["text"] == "50 inferences, p95 9.0 ms"

    def test_the_same_release_again_changes_nothing(self, board: Board) -> None:
        release = board.stage("1")
        board.deploy(release)
        before = board.state()
        assert board.keeper("activate", release.id)[1] == {"trial": None}
        assert board.state()["log"] == before["log"]

    def test_other_golden_outputs_are_refused_while_the_old_release_serves(
        self, board: Board
    ) -> None:
        first, second = board.stage("1"), board.stage("2")
        board.deploy(first)
        board.answer_golden(EQUAL, DIFFERENT)
        code, told, _ = board.keeper("activate", second.id)
        assert code == 1
        assert told["error"] == "golden outputs: tflite-int8: 7.5 from what they must be"
        assert board.serving == first.id and board.state()["serving"] == first.id
        assert board.state()["failed"] == {second.id: told["error"]}

    @pytest.mark.parametrize(
        ("kind", "why"),
        [
            ("slow", "inferences are too slow: p95 5000 ms, and the bound is 100 ms"),
            ("deaf", "3 of 10 inferences after 2 s: its source gives nothing"),
            ("dead", "the service ended 9 times: ValueError: no such label"),
        ],
    )
    def test_a_release_that_does_not_hold_is_taken_back(
        self, board: Board, kind: str, why: str
    ) -> None:
        first, bad = board.stage("1"), board.stage(kind)
        board.deploy(first)
        assert board.deploy(bad) == {"kept": False}
        state = board.state()
        assert state["serving"] == first.id == board.serving
        assert state["failed"] == {bad.id: why} and state["trial"] is None
        assert [line["event"] for line in state["log"]][-2:] == ["trial", "went back"]

    def test_a_first_release_that_does_not_hold_leaves_nothing(self, board: Board) -> None:
        bad = board.stage("deaf")
        assert board.deploy(bad) == {"kept": False}
        assert board.state()["serving"] is None and board.serving == ""
        assert board.start() is None

    def test_a_bundle_that_a_card_damaged_is_not_tried(self, board: Board) -> None:
        release = board.stage("1")
        bundle = board.folder / "home" / "releases" / release.id / "bundle.edge"
        bundle.write_bytes(b"bundle of x")
        code, told, _ = board.keeper("activate", release.id)
        assert code == 1 and "its bundle is damaged; deploy it again" in told["error"]

    def test_roll_back(self, board: Board) -> None:
        assert "no release before" in board.keeper("rollback")[1]["error"]
        first, second = board.stage("1"), board.stage("2")
        board.deploy(first)
        board.deploy(second)
        assert board.keeper("rollback")[1] == {"serving": first.id}
        assert board.serving == first.id and board.state()["previous"] == second.id
        assert board.keeper("rollback")[1] == {"serving": second.id}

    def test_what_nobody_needs_is_removed(self, board: Board) -> None:
        made = [board.stage(version) for version in "123"]
        for release in made:
            board.deploy(release)
        assert board.keeper("clean")[1] == {"removed": 2}  # a release and its bundle
        assert set(board.state()["releases"]) == {made[1].id, made[2].id}
        assert board.keeper("clean")[1] == {"removed": 0}
        assert board.keeper("rollback")[1] == {"serving": made[1].id}

    def test_a_board_that_updates_itself_is_cleaned_by_its_guard(self, board: Board) -> None:
        made = [board.stage(version) for version in "123"]
        for release in made[:2]:
            board.deploy(release)
        assert len(board.state()["releases"]) == 3  # what came just now stays
        for path in (board.folder / "home").glob("*/*"):
            os.utime(path, (0, 0), follow_symlinks=False)
        board.deploy(made[2])
        assert set(board.state()["releases"]) == {made[1].id, made[2].id}

    def test_a_record_that_cannot_be_read_stops_no_cleaning(self, board: Board) -> None:
        made = [board.stage(version) for version in "123"]
        for release in made:
            board.deploy(release)
        (board.home.release(made[1].id) / "release.json").write_text("{")
        assert board.keeper("clean")[0] == 0
        assert board.start() == made[2].id


class TestDamage:
    """What serves, and has lost a part."""

    def test_an_environment_is_brought_again(self, board: Board) -> None:
        release = board.stage("1")
        board.deploy(release)
        assert board.state()["whole"] is True
        (environment.path_of(board.home, release) / environment.COMPLETE).unlink()
        assert board.state()["whole"] is False and board.start() is None
        (environment.path_of(board.home, release) / environment.COMPLETE).touch()  # as pip would
        (board.folder / "serving").write_text("")
        assert board.keeper("stage", data=json.dumps(release.plain()).encode())[0] == 0
        assert board.state()["whole"] is True and board.serving == release.id
        assert board.state()["log"][-1]["event"] == "repaired"

    def test_a_bundle_is_asked_for_again(self, board: Board) -> None:
        release = board.stage("1")
        board.deploy(release)
        path = objects.path_of(board.home.objects, release.bundle)
        path.write_bytes(b"another")  # and in the release's folder: it is the same file
        assert board.state()["whole"] is False
        wanted = json.dumps([release.bundle]).encode()
        assert board.keeper("wanting", data=wanted)[1] == {"wanting": {}}
        told = board.keeper("wanting", "verify", data=wanted)[1]
        assert told == {"wanting": {release.bundle: 0}}
        board.put(b"bundle of 1")
        assert board.keeper("stage", data=json.dumps(release.plain()).encode())[0] == 0
        assert board.state()["whole"] is True


@pytest.mark.parametrize(
    "health", [{"patience": math.inf}, {"patience": 0}, {"latency_ms": math.nan},
               {"latency_ms": math.inf}, {"patience": "soon"}],
)  # fmt: skip
def test_a_release_whose_trial_would_never_end(board: Board, health: dict[str, Any]) -> None:
    record = board.stage("1").plain()
    record["health"] |= health
    code, told, _ = board.keeper("stage", data=json.dumps(record).encode())
    assert code == 1 and "error" in told


def test_an_installation_that_was_cut_is_done_again(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, ...]] = []

    def systemctl(*words: str, check: bool = True) -> str:
        called.append(words)
        if words[0] == "enable" and called.count(words) == 1:
            raise KeeperError("cut")
        return ""

    monkeypatch.setattr(service, "_UNITS", tmp_path / "units")
    (tmp_path / "units").mkdir()
    monkeypatch.setattr(service, "_RULES", tmp_path / "rules" / "99.rules")
    monkeypatch.setattr(service, "_make_user", lambda: False)
    monkeypatch.setattr(service, "systemctl", systemctl)
    with pytest.raises(KeeperError):
        service.install(board.home, "/usr/bin/python3")
    assert service.install(board.home, "/usr/bin/python3") is True
    assert [words[0] for words in called].count("enable") == 2
    assert service.install(board.home, "/usr/bin/python3") is False
    (tmp_path / "units" / service.UPDATE).write_text("of another Python")
    assert service.install(board.home, "/opt/own/python3") is True
    assert "/opt/own/python3" in (tmp_path / "units" / service.UPDATE).read_text()


class TestStarts:
    def test_a_release_that_is_not_whole_is_not_served(self, board: Board) -> None:
        first, second = board.stage("1"), board.stage("2")
        board.deploy(first)
        board.deploy(second)
        shutil.rmtree(board.folder / "home" / "releases" / second.id)
        assert board.start() == first.id

    def test_a_lost_state_costs_no_service(self, board: Board) -> None:
        release = board.stage("1")
        board.deploy(release)
        (board.folder / "home" / "state.json").write_text('{"previous": ')
        assert board.start() == release.id
        assert board.state()["log"][-1]["event"] == "state lost"

    def test_power_that_comes_and_goes_does_not_use_up_a_trial(self, board: Board) -> None:
        first, second = board.stage("1"), board.stage("2")
        board.deploy(first)
        board.keeper("activate", second.id)
        path = board.folder / "home" / "state.json"
        for boot in range(MOST_BOOTS - 1):  # each start was cut before the guard had a verdict
            state = json.loads(path.read_text())
            state["trial"]["boots"] = [f"boot {n}" for n in range(boot + 1)]
            path.write_text(json.dumps(state))
        assert board.keeper("guard")[1] == {"kept": True}

    def test_a_release_that_crashes_the_board_is_taken_back_and_may_be_tried_again(
        self, board: Board
    ) -> None:
        first, second = board.stage("1"), board.stage("2")
        board.deploy(first)
        board.keeper("activate", second.id)
        path = board.folder / "home" / "state.json"
        state = json.loads(path.read_text())
        state["trial"]["boots"] = [f"boot {n}" for n in range(MOST_BOOTS)]
        path.write_text(json.dumps(state))
        assert board.keeper("guard")[1] == {"kept": False}
        assert board.state()["failed"] == {}
        assert board.serving == first.id
        assert board.deploy(second) == {"kept": True}


class TestObjects:
    @given(st.lists(st.binary(max_size=2000), max_size=4), st.data())
    def test_a_transfer_that_is_cut_is_gone_on_with(
        self, tmp_path_factory: pytest.TempPathFactory, blobs: list[bytes], data: st.DataObject
    ) -> None:
        import io

        folder = tmp_path_factory.mktemp("objects")
        wanted = {hashlib.sha256(blob).hexdigest(): blob for blob in blobs}

        def stream() -> bytes:
            return b"".join(
                f"{sha} {len(wanted[sha])} {have}\n".encode() + wanted[sha][have:]
                for sha, have in objects.wanting(folder, wanted).items()
            )

        whole = stream()
        cut = data.draw(st.integers(0, len(whole)))
        try:
            objects.receive(folder, io.BytesIO(whole[:cut]))
        except KeeperError:
            assert cut < len(whole)
        objects.receive(folder, io.BytesIO(stream()))
        assert objects.wanting(folder, wanted) == {}
        for sha256, blob in wanted.items():
            assert objects.path_of(folder, sha256).read_bytes() == blob

    def test_what_was_damaged_on_its_way_never_gets_its_name(self, board: Board) -> None:
        sha256 = hashlib.sha256(b"right").hexdigest()
        code, told, _ = board.keeper("receive", data=f"{sha256} 5 0\nwrong".encode())
        assert code == 1 and "fails its SHA-256" in told["error"]
        answer = board.keeper("wanting", data=json.dumps([sha256]).encode())[1]
        assert answer == {"wanting": {sha256: 0}}

    @pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 63, "A" * 64, ""])
    def test_nothing_but_a_sha256_is_a_name(self, board: Board, name: str) -> None:
        code, told, _ = board.keeper("receive", data=f"{name} 1 0\nx".encode())
        assert code == 1 and ("no SHA-256" in told["error"] or "no header" in told["error"])


class TestCode:
    """It must run on the Python that a board has, with nothing installed."""

    def test_nothing_but_the_standard_library(self) -> None:
        for path in FOLDER.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module or ""]
                else:
                    continue
                for name in names:
                    assert name.partition(".")[0] in sys.stdlib_module_names, f"{path}: {name}"

    def test_what_is_sent_runs_by_itself(self, tmp_path: Path) -> None:
        """The archive as a board unpacks it, on a Python that sees nothing else."""
        version, data = keeping.archive()
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            # Debian 12's Python has no filters yet.
            safe: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extractall(tmp_path / version, **safe)
        command = [sys.executable, "-I", "-S", str(tmp_path / version)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2 and "commands: status" in done.stderr, done.stderr

    def test_the_syntax_of_python_3_9(self) -> None:
        for path in FOLDER.glob("*.py"):
            ast.parse(path.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize(
    ("journal", "said"),
    [
        (
            "Starting edgenets.service - edgenets: the current release...\n"
            "edgenets.service: Main process exited, code=killed, status=11/SEGV\n"
            "edgenets.service: Failed with result 'signal'.\n"
            "Failed to start edgenets.service - edgenets: the current release.\n" * 2,
            "it was killed by SEGV",
        ),
        (
            "edgenets.service: Main process exited, code=exited, status=1/FAILURE\n"
            "error: no camera",
            "error: no camera",
        ),
        ("one\none\n\ntwo\n", "one | two"),
    ],
)
def test_the_end_of_a_journal_says_why(
    journal: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journal").write_text(journal)
    (tmp_path / "journalctl").write_text(f"#!/bin/sh\ncat {tmp_path}/journal\n")
    (tmp_path / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert service.last_words() == said
