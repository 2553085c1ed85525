"""Progress goes to stderr alone: bars on a terminal, a few plain lines elsewhere, or nothing."""

from __future__ import annotations

import os
import pty
import sys

import pytest

from edgenets import progress
from edgenets.progress import PlainProgress, Progress, TerminalProgress, for_stderr


@pytest.mark.parametrize("kind", [Progress, PlainProgress, TerminalProgress])
def test_stdout_is_left_alone(kind: type[Progress], capfd: pytest.CaptureFixture[str]) -> None:
    reporter = kind()
    reporter.say("begun [bold]not markup[/bold]")
    with reporter.task("counting") as task:
        for done in range(1, 101):
            task.update(done, 100, f"loss {done}")
    out, err = capfd.readouterr()
    assert out == ""
    assert ("[bold]not markup[/bold]" in err) == (kind is not Progress)


def test_a_log_stays_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with PlainProgress().task("counting") as task:
        for done in range(1, 1001):
            now[0] += 1 / 32
            task.update(done, 1000, "half" if done == 480 else "")
    lines = capsys.readouterr().err.splitlines()
    counts = [160, 320, 480, 640, 800, 960, 1000]  # every five seconds, and the last
    notes = {480: " half"}
    assert lines == [f"counting: {count}/1000{notes.get(count, '')}" for count in counts]


def test_an_error_passes_through_a_task() -> None:
    for reporter in (Progress(), PlainProgress(), TerminalProgress()):
        with pytest.raises(ZeroDivisionError), reporter.task("counting"):
            raise ZeroDivisionError


def test_a_terminal_gets_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    main, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as opened:
        monkeypatch.setattr(sys, "stderr", opened)
        assert isinstance(for_stderr(), TerminalProgress)
    os.close(main)
    monkeypatch.undo()
    assert type(for_stderr()) is PlainProgress
