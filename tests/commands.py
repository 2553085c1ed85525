"""The command line as a test calls it: in this process, or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from edgenets.cli.main import main

# Starting Python and importing a backend takes a second or two; the machine may be busy.
PATIENCE = 120.0  # s


@dataclass(frozen=True)
class Outcome:
    """What a command left."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        (line,) = self.out.splitlines()
        found: dict[str, Any] = json.loads(line, parse_constant=_no_json)
        assert isinstance(found, dict)
        return found


Call = Callable[..., Outcome]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call `edgenets` with these arguments, in this process."""

    def caller(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Outcome(ended.value.code, out, err)

    return caller


def spawn(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """`edgenets` with these arguments, in a process of its own."""
    command = [sys.executable, "-m", "edgenets.cli.main", *map(str, arguments)]
    env = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": env}
    return subprocess.Popen(command, **{**pipes, **options})


def python(code: str) -> str:
    """What a piece of code prints, in a Python of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _no_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
