"""The keeper, killed at each of its steps: afterwards the old release serves, or the new one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgenets.devices.keeper.release import Release
from tests.devices.board import Board

# More than any of these commands takes; a kill beyond the last step does not come.
MOST_STEPS = 60

Prepared = tuple[Board, Release, Release]


def each_cut(folder: Path, kind: str = "2", **health: float) -> Iterator[tuple[int, Prepared]]:
    """The same board, on which a first release serves and a second one is staged, for each step."""
    board, kept = Board(folder / "board"), folder / "kept"
    first, second = board.stage("1"), board.stage(kind, **health)
    assert board.deploy(first) == {"kept": True}
    shutil.copytree(board.folder, kept, symlinks=True)
    for step in range(1, MOST_STEPS):
        shutil.rmtree(board.folder)
        shutil.copytree(kept, board.folder, symlinks=True)
        yield step, (board, first, second)
    raise AssertionError(f"more than {MOST_STEPS} steps")


def after_a_cut(board: Board, first: Release, second: Release) -> str:
    """Start the board: what serves at once, and when the guard has ended a trial."""
    served = board.start()
    assert served in (first.id, second.id)
    board.keeper("guard")
    state = board.state()
    assert state["trial"] is None
    assert state["serving"] in (first.id, second.id)
    assert board.start() == state["serving"]
    return str(state["serving"])


def each_step(folder: Path, cut: Callable[[Board, Release, Release, int], int]) -> list[str]:
    """What serves in the end, for a kill at each step of what `cut` does."""
    ended = []
    for step, (board, first, second) in each_cut(folder):
        code = cut(board, first, second, step)
        ended.append("old" if after_a_cut(board, first, second) == first.id else "new")
        # Whatever happened, the next deployment goes through.
        if ended[-1] == "old":
            assert board.deploy(second) == {"kept": True}
        if code >= 0:  # it was not killed: there are no more steps
            break
    return ended


def test_activation(tmp_path: Path) -> None:
    def cut(board: Board, _: Release, second: Release, step: int) -> int:
        return board.keeper("activate", second.id, kill_at=step)[0]

    ended = each_step(tmp_path, cut)
    assert len(ended) > 5 and ended[0] == "old" and ended[-1] == "new"


def test_the_guard(tmp_path: Path) -> None:
    def cut(board: Board, _: Release, second: Release, step: int) -> int:
        board.keeper("activate", second.id)
        return board.keeper("guard", kill_at=step)[0]

    ended = each_step(tmp_path, cut)
    assert len(ended) > 10 and set(ended) == {"new"}


def test_roll_back(tmp_path: Path) -> None:
    def cut(board: Board, _: Release, second: Release, step: int) -> int:
        board.deploy(second)
        return board.keeper("rollback", kill_at=step)[0]

    ended = each_step(tmp_path, cut)
    assert len(ended) > 5 and ended[0] == "new" and ended[-1] == "old"


def test_the_way_back(tmp_path: Path) -> None:
    """The guard of a release that does not hold: the old one serves in the end, always."""
    for step, (board, first, bad) in each_cut(tmp_path, kind="slow", patience=0.1):
        board.keeper("activate", bad.id)
        code = board.keeper("guard", kill_at=step)[0]
        assert after_a_cut(board, first, bad) == first.id
        assert board.state()["failed"] == {
            bad.id: "inferences are too slow: p95 5000 ms, and the bound is 100 ms"
        }
        if code >= 0:
            assert step > 10
            break


def test_staging_and_receiving(tmp_path: Path) -> None:
    """Neither touches what serves, and both can be done again."""
    import hashlib

    blob = b"x" * 3000
    sha256 = hashlib.sha256(blob).hexdigest()
    for step, (board, first, second) in each_cut(tmp_path / "receive"):
        code = board.keeper("receive", data=f"{sha256} 3000 0\n".encode() + blob, kill_at=step)[0]
        assert after_a_cut(board, first, second) == first.id
        have = board.keeper("wanting", data=json.dumps([sha256]).encode())[1]["wanting"]
        start = have.get(sha256, 0)
        if have:
            again = f"{sha256} 3000 {start}\n".encode() + blob[start:]
            assert board.keeper("receive", data=again)[0] == 0
        if code >= 0:
            break
    record = json.dumps({**second.plain(), "version": "3"}).encode()  # the same in each board
    for step, (board, first, second) in each_cut(tmp_path / "stage"):
        code = board.keeper("stage", data=record, kill_at=step)[0]
        assert after_a_cut(board, first, second) == first.id
        assert board.keeper("stage", data=record)[0] == 0
        if code >= 0:
            break


@pytest.mark.parametrize("command", ["clean"])
def test_cleaning(tmp_path: Path, command: str) -> None:
    for step, (board, first, second) in each_cut(tmp_path):
        board.stage("3")
        board.deploy(second)
        code = board.keeper(command, kill_at=step)[0]
        assert after_a_cut(board, first, second) == second.id
        assert board.keeper("rollback")[1] == {"serving": first.id}
        if code >= 0:
            assert step > 3
            break
