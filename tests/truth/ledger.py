"""What was sent against what arrived: violations."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

PATIENCE = 120.0  # s for a run to end by itself


@dataclass
class Outcome:
    """What one run delivered."""

    code: int
    events: list[dict[str, Any]]
    summary: dict[str, Any]
    stderr: str

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Events of one kind."""
        return [event for event in self.events if event["event"] == kind]


@dataclass
class Verdict:
    """What one scenario came to."""

    name: str
    source: str  # the kind of source
    items: int = 0  # that were sent
    faults: int = 0  # that were injected
    violations: list[str] = field(default_factory=list)

    def hold(self, what: bool, otherwise: str) -> None:
        """A rule; where it is broken, say how."""
        if not what:
            self.violations.append(otherwise)

    def hold_exit(self, outcome: Outcome, lost: bool) -> None:
        """The exit code says whether something was lost."""
        wanted = 3 if lost else 0
        self.hold(outcome.code == wanted, f"exit code {outcome.code}, not {wanted}")


def run(
    arguments: Sequence[str],
    out: Path,
    feed: bytes | None = None,
    until: Callable[[], bool] | None = None,
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """`edgenets run` in a process of its own.

    Args:
        arguments: bundle, source and options.
        out: a folder for what it writes.
        feed: its standard input.
        env: its environment; None: this process's.
        until: asked again and again; once true, the run is ended by SIGINT. None: it ends itself.
    """
    record, errors = out / "truth.jsonl", out / "stderr.txt"
    command = [
        sys.executable, "-m", "tests.truth.child", "run", *arguments,
        "--sink", f"truth:{record}", "--json",
    ]  # fmt: skip
    with errors.open("wb") as stderr, (out / "stdout.txt").open("wb") as stdout:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=stdout, stderr=stderr, env=env,
            stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
        )  # fmt: skip
        try:
            if feed is not None:
                assert process.stdin is not None
                with contextlib.suppress(BrokenPipeError):  # its exit code says why
                    process.stdin.write(feed)
                    process.stdin.close()
            over = time.monotonic() + PATIENCE
            while until is not None and process.poll() is None and time.monotonic() < over:
                if until():
                    process.send_signal(signal.SIGINT)
                    break
                time.sleep(0.05)
            code = process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    shown = (out / "stdout.txt").read_text(encoding="utf-8")
    return Outcome(
        code,
        [json.loads(line) for line in lines],
        json.loads(shown) if shown.startswith("{") else {},
        errors.read_text(encoding="utf-8"),
    )


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something that must come.

    Raises:
        TimeoutError: it does not.
    """
    over = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > over:
            raise TimeoutError
        time.sleep(0.02)


def numbers(verdict: Verdict, seen: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The images that say a number; one that says none was taken by no camera."""
    for event in seen:
        verdict.hold(
            event["number"] is not None,
            f"image {event['frame']} at {event['time']:.3f} s was never sent so",
        )
    return [event for event in seen if event["number"] is not None]


def once(verdict: Verdict, delivered: Sequence[int], sent: Sequence[int]) -> None:
    """Nothing arrives that was not sent, nor more often, nor before what was sent earlier."""
    surplus = Counter(delivered) - Counter(sent)
    verdict.hold(not surplus, f"arrived without having been sent: {dict(surplus.most_common(5))}")
    verdict.hold(list(delivered) == sorted(delivered), "arrived in another order")
