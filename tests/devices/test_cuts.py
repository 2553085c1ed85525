"""The keeper, killed at each of its steps: afterwards the old release serves, or the new one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgenets.devices.keeper.release import Release
from tests.devices.board import Board

# More than any of these commands takes; a kill beyond the last step does not come.
MOST_STEPS = 60

Prepared = tuple[Board, Release, Release]


def prepare(folder: Path, kind: str = "2") -> Prepared:
    board = Board(folder)
    first, second = board.stage("1"), board.stage(kind)
    assert board.deploy(first) == {"kept": True}
    return board, first, second


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
    for step in range(1, MOST_STEPS):
        board, first, second = prepare(folder / str(step))
        code = cut(board, first, second, step)
        ended.append("old" if after_a_cut(board, first, second) == first.id else "new")
        # Whatever happened, the next deployment goes through.
        if ended[-1] == "old":
            assert board.deploy(second) == {"kept": True}
        if code >= 0:  # it was not killed: there are no more steps
            return ended
    raise AssertionError(f"more than {MOST_STEPS} steps")


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
    for step in range(1, MOST_STEPS):
        board, first, bad = prepare(tmp_path / str(step), kind="slow")
        board.keeper("activate", bad.id)
        code = board.keeper("guard", kill_at=step)[0]
        assert after_a_cut(board, first, bad) == first.id
        assert board.state()["failed"] == {
            bad.id: "inferences are too slow: p95 5000 ms, and the bound is 100 ms"
        }
        if code >= 0:
            assert step > 10
            return
    raise AssertionError(f"more than {MOST_STEPS} steps")


def test_staging_and_receiving(tmp_path: Path) -> None:
    """Neither touches what serves, and both can be done again."""
    import hashlib

    blob = b"x" * 3000
    sha256 = hashlib.sha256(blob).hexdigest()
    for step in range(1, MOST_STEPS):
        board, first, second = prepare(tmp_path / str(step))
        code = board.keeper("receive", data=f"{sha256} 3000 0\n".encode() + blob, kill_at=step)[0]
        assert after_a_cut(board, first, second) == first.id
        have = board.keeper("wanting", data=json.dumps([sha256]).encode())[1]["wanting"]
        start = have.get(sha256, 0)
        if have:
            again = f"{sha256} 3000 {start}\n".encode() + blob[start:]
            assert board.keeper("receive", data=again)[0] == 0
        if code >= 0:
            break
    record = json.dumps({**second.plain(), "version": "3"}).encode()
    for step in range(1, MOST_STEPS):
        board, first, second = prepare(tmp_path / f"stage {step}")
        code = board.keeper("stage", data=record, kill_at=step)[0]
        assert after_a_cut(board, first, second) == first.id
        assert board.keeper("stage", data=record)[0] == 0
        if code >= 0:
            return
    raise AssertionError(f"more than {MOST_STEPS} steps")


@pytest.mark.parametrize("command", ["clean"])
def test_cleaning(tmp_path: Path, command: str) -> None:
    for step in range(1, MOST_STEPS):
        board, first, second = prepare(tmp_path / str(step))
        board.stage("3")
        board.deploy(second)
        code = board.keeper(command, kill_at=step)[0]
        assert after_a_cut(board, first, second) == second.id
        assert board.keeper("rollback")[1] == {"serving": first.id}
        if code >= 0:
            assert step > 3
            return
    raise AssertionError(f"more than {MOST_STEPS} steps")
