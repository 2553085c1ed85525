"""A module as a process of its own, which answers one question with JSON.

What is measured in it is not touched by what this process did before; what crashes in it
crashes alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgenets.errors import EdgenetsError


def ask(
    module: str, arguments: Sequence[object], timeout: float, what: str,
    error: type[EdgenetsError], environment: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """Run `python -m module arguments…`, whose main part is `answer`, and take its answer.

    Args:
        timeout: seconds after which it is ended.
        what: it is asked about, for messages.
        error: what to raise.
        environment: variables beside this process's own.

    Raises:
        EdgenetsError: `error`: it ended badly, was ended by a signal, or took too long.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    variables = {**os.environ, **(environment or {})}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=variables
        )
    except subprocess.TimeoutExpired as exc:
        raise error(f"{what}: still not done after {exc.timeout:.0f} s") from exc
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise error(f"{what}: its process ended with {done.returncode}: {why}")
    return json.loads(done.stdout.splitlines()[-1])


def answer(make: Callable[[], Any]) -> None:
    """The main part of such a module: make an answer of plain values, and hand it over."""
    # Libraries that talk on stdout would break the JSON; it goes out by a handle of its own.
    out = os.dup(1)
    os.dup2(2, 1)
    try:
        found = make()
    except EdgenetsError as exc:
        sys.exit(str(exc))  # to stderr; `ask` passes it on
    with os.fdopen(out, "w") as handle:
        handle.write(json.dumps(found) + "\n")
