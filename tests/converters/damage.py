"""Loads and runs damaged artifacts, each in a child of its own, and counts what became of them.

python -m tests.converters.damage RUN ID COUNT SEED

RUN is a folder of `converters.store`. Prints JSON: {outcome: [how the file was damaged, …]}.
Outcomes: "refused" (BackendError), "ran", "raised" (another exception), "signal NAME", "hung".
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np

from edgenets import backend
from edgenets.converters import store
from edgenets.converters.formats import Written
from edgenets.errors import BackendError

# A damaged file may ask for any amount of memory; the machine has not got it.
MEMORY = 6 << 30  # bytes of address space

# What loads at all does so in far less.
PATIENCE = 60  # s

REFUSED, RAN, RAISED = 0, 10, 20


def damaged(data: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """A copy with something wrong, and what."""
    kind = rng.choice(["bit", "bit", "bit", "byte", "run", "cut", "noise", "long"])
    place = int(rng.integers(len(data)))
    copy = bytearray(data)
    if kind == "bit":
        copy[place] ^= 1 << int(rng.integers(8))
    elif kind == "byte":
        copy[place] = int(rng.integers(256))
    elif kind == "run":
        copy[place : place + 16] = rng.bytes(len(copy[place : place + 16]))
    elif kind == "cut":
        del copy[place:]
    elif kind == "noise":
        copy = bytearray(rng.bytes(min(len(data), 4096)))
    else:
        copy += rng.bytes(64)
    return bytes(copy), f"{kind} at {place} of {len(data)}"


def attempt(item: Written, files: dict[str, bytes]) -> int:
    """Load and run; the process's exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    artifact = item.artifact
    try:
        session = backend.load(artifact.format, artifact, files)
        for _ in range(3):
            session.run({i.name: np.ones(i.shape, np.float32) for i in artifact.inputs})
    except BackendError:
        return REFUSED
    except Exception:
        return RAISED
    return RAN


def outcome(item: Written, files: dict[str, bytes]) -> str:
    """What a child process came to."""
    child = os.fork()
    if child == 0:
        code = RAISED
        try:
            for stream in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
            code = attempt(item, files)
        finally:
            os._exit(code)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            if os.WIFSIGNALED(status):
                return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
            code = os.waitstatus_to_exitcode(status)
            return {REFUSED: "refused", RAN: "ran"}.get(code, "raised")
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


def main(folder: str, id: str, count: str, seed: str) -> None:
    item = next(w for w in store.load(Path(folder))[0] if w.artifact.id == id)
    # Imported once, before the forks; no session is made here, so no thread is lost in one.
    importlib.import_module(backend.BACKENDS[item.artifact.format]).version()
    rng = np.random.default_rng(int(seed))
    assert outcome(item, item.files) == "ran"
    found: dict[str, list[str]] = {}
    for _ in range(int(count)):
        name = str(rng.choice(sorted(item.files)))
        data, how = damaged(item.files[name], rng)
        result = outcome(item, {**item.files, name: data})
        found.setdefault(result, []).append(f"{name}: {how}")
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
