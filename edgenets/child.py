"""A module as a process of its own, which answers one question, or one after another, with JSON.

What is measured in it is not touched by what this process did before; what crashes in it
crashes alone.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

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
        how = _how_it_ended(done.returncode, done.stderr or "")
        raise error(f"{what}: {how}") from exc
    return _taken(said, what, error)


class Standing:
    """A module as a process that answers one question after another.

    It is begun with the first question, begun anew where it crashed, and ends with this process.
    The module's main part is `answer_each`.
    """

    def __init__(self, module: str) -> None:
        self._module, self._lock = module, threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[bytes] | None = None

    def ask(self, question: Json, what: str, error: type[EdgenetsError]) -> Any:
        """Put a question of plain values, and take its answer.

        Args:
            what: it is asked about, for messages.
            error: what to raise where it does not answer.

        Raises:
            EdgenetsError: what it raised itself; or `error`: it failed otherwise, or ended.
        """
        with self._lock:
            process = self._running()
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(json.dumps(question) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except OSError:  # it ended before it read
                line = ""
            if not line:
                raise error(f"{what}: {self._ended(process)}")
        return _taken(json.loads(line), what, error)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            command = [sys.executable, "-m", self._module]
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 it lives as long as the process
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
            )
            atexit.register(self.close)
        return self._process

    def _ended(self, process: subprocess.Popen[str]) -> str:
        code = process.wait()
        said = ""
        if self._log is not None:
            self._log.seek(0)
            said = self._log.read().decode(errors="replace")
        self.close()
        return _how_it_ended(code, said)

    def close(self) -> None:
        """End it."""
        atexit.unregister(self.close)
        process, log = self._process, self._log
        self._process = self._log = None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):  # what it never read
                        pipe.close()
            process.wait()
        if log is not None:
            log.close()


def answer_each(make: Callable[[Json], object]) -> None:
    """The main part of a standing process: make an answer of each question that comes."""
    out = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(out, "w") as handle:
        for line in sys.stdin:
            handle.write(json.dumps(_said(lambda: make(json.loads(line)))) + "\n")  # noqa: B023
            handle.flush()


def answer(make: Callable[[], object]) -> None:
    """The main part of such a module: make an answer of plain values, and hand it over."""
    # Libraries that talk on stdout would break the JSON; it goes out by a handle of its own.
    out = os.dup(1)
    os.dup2(2, 1)
    said = _said(make)
    with os.fdopen(out, "w") as handle:
        json.dump(said, handle)


def _said(make: Callable[[], object]) -> Json:
    """What a process says: what it found, or what went wrong."""
    try:
        return {"found": make()}
    except EdgenetsError as exc:
        return {"error": [type(exc).__name__, str(exc)]}
    except OSError as exc:  # a full disk, a folder that is not ours
        return {"error": [EdgenetsError.__name__, str(exc)]}
    except Exception as exc:  # of a library that nobody expected to, or a fault of edgenets
        text = f"{type(exc).__name__}: {first_line(exc)}"
        return {"fault": [text, traceback.format_exc()]}


def _taken(said: Json, what: str, error: type[EdgenetsError]) -> Any:
    """What a process found; raises what it raised."""
    if "error" in said:
        kind, text = said["error"]
        raise getattr(errors, kind)(text)
    if "fault" in said:
        text, where = said["fault"]
        raise error(f"{what}: {text}; `edgenets --debug …` shows where") from RuntimeError(where)
    return said["found"]


def _how_it_ended(code: int, stderr: str) -> str:
    """How a process ended that gave no answer."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"its process was ended by {name}: a library crashed, or memory ran out"
    why = (stderr.strip().splitlines() or ["no message"])[-1]
    return f"its process ended with {code}: {why}"
