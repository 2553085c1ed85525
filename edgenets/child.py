"""A module as a process of its own, which answers one question with JSON.

What is measured in it is not touched by what this process did before; what crashes in it
crashes alone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgenets import errors
from edgenets.errors import EdgenetsError, first_line
from edgenets.files import Json


def ask(
    module: str, arguments: Sequence[object], timeout: float | None, what: str,
    error: type[EdgenetsError], environment: Mapping[str, str] | None = None, live: bool = False,
) -> Any:  # fmt: skip
    """Run `python -m module arguments…`, whose main part is `answer`, and take its answer.

    Args:
        timeout: seconds after which it is ended; None: never.
        what: it is asked about, for messages.
        error: what to raise where it does not answer.
        environment: variables beside this process's own.
        live: let its progress go to this process's stderr.

    Raises:
        EdgenetsError: what it raised itself; or `error`: it failed otherwise, ended badly, was
            ended by a signal, or took too long.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    variables = {**os.environ, **(environment or {})}
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=None if live else subprocess.PIPE,
            text=True,
            timeout=timeout,
            env=variables,
        )
    except subprocess.TimeoutExpired as exc:
        raise error(f"{what}: still not done after {exc.timeout:.0f} s") from exc
    try:
        said: Json = json.loads(done.stdout)
    except ValueError as exc:
        raise error(f"{what}: {_ended(done)}") from exc
    if "error" in said:
        kind, text = said["error"]
        raise getattr(errors, kind)(text)
    if "fault" in said:
        text, where = said["fault"]
        raise error(f"{what}: {text}; `edgenets --debug …` shows where") from RuntimeError(where)
    return said["found"]


def answer(make: Callable[[], Any]) -> None:
    """The main part of such a module: make an answer of plain values, and hand it over."""
    # Libraries that talk on stdout would break the JSON; it goes out by a handle of its own.
    out = os.dup(1)
    os.dup2(2, 1)
    try:
        said = {"found": make()}
    except EdgenetsError as exc:
        said = {"error": [type(exc).__name__, str(exc)]}
    except OSError as exc:  # a full disk, a folder that is not ours
        said = {"error": [EdgenetsError.__name__, str(exc)]}
    except Exception as exc:  # of a library that nobody expected to, or a fault of edgenets
        text = f"{type(exc).__name__}: {first_line(exc)}"
        said = {"fault": [text, traceback.format_exc()]}
    with os.fdopen(out, "w") as handle:
        json.dump(said, handle)


def _ended(done: subprocess.CompletedProcess[str]) -> str:
    """How a process ended that gave no answer."""
    if done.returncode < 0:
        try:
            name = signal.Signals(-done.returncode).name
        except ValueError:
            name = f"signal {-done.returncode}"
        return f"its process was ended by {name}: a library crashed, or memory ran out"
    why = ((done.stderr or "").strip().splitlines() or ["no message"])[-1]
    return f"its process ended with {done.returncode}: {why}"
