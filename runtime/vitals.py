"""How a run does, reported to who looks after it: systemd's watchdog, and a status file.

Both are asked for by the environment, as a service has it: `NOTIFY_SOCKET` (systemd's sd_notify
protocol) and `EDGENETS_STATUS`, a path. Without them nothing is reported,
and no thread is started.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edgenets.redaction import redacted

if TYPE_CHECKING:
    from edgenets.events import Summary

# Ages of the latest inferences that the status speaks of: a few seconds of a camera.
_RECENT = 100

# How often the file is written and the watchdog fed.
INTERVAL = 1.0  # s

# A run whose loop has not gone round for this long hangs, unless it waits for its source: a
# image takes seconds at most on the slowest board, and a queue is looked into every 5 s.
HANGS_AFTER = 30.0  # s


class Vitals:
    """What a run notes of itself; cheap enough for the hot loop."""

    def __init__(self) -> None:
        self.inferences = 0
        self.problem: str | None = None  # the last notice
        self.waiting = False  # for a source that went away
        self._ages: deque[float] = deque(maxlen=_RECENT)
        self._turned = time.monotonic()

    def turn(self) -> None:
        """The loop has gone round."""
        self._turned = time.monotonic()

    def infer(self, age: float, count: int = 1) -> None:
        """So many inferences were made, the last of them this long after its capture, s."""
        self.inferences += count
        self._ages.append(age)
        self._turned = time.monotonic()
        self.waiting = False

    def notice(self, kind: str, text: str) -> None:
        """Something a person should know has happened."""
        self.problem = redacted(text)
        self.waiting = kind in ("lost", "stale")
        self.turn()

    @property
    def hangs(self) -> bool:
        """Whether the loop stands still where it should not."""
        return not self.waiting and time.monotonic() - self._turned > HANGS_AFTER

    def latency_ms(self) -> dict[str, float | None]:
        """p50 and p95 of the latest ages, ms; None before the first."""
        ages = list(self._ages)
        if not ages:
            return {"p50": None, "p95": None}
        p50, p95 = np.percentile(ages, (50, 95))
        return {"p50": round(1e3 * float(p50), 3), "p95": round(1e3 * float(p95), 3)}


class Living(Protocol):
    """A run, as far as its vitals are concerned."""

    vitals: Vitals
    source_name: str

    @property
    def summary(self) -> Summary:
        """What it came to so far."""


@contextmanager
def telling(run: Living) -> Iterator[None]:
    """Tell of a run for as long as the block lasts, where the environment asks for it."""
    path = os.environ.get("EDGENETS_STATUS")
    if not path and not os.environ.get("NOTIFY_SOCKET"):
        yield
        return
    notify("READY=1")
    ended = threading.Event()
    file = Path(path) if path else None
    thread = threading.Thread(target=_tell, args=(run, file, ended), name="vitals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        notify("STOPPING=1")
        ended.set()
        thread.join(INTERVAL)


def notify(message: str) -> None:
    """Tell systemd (sd_notify(3)); a service manager that is gone is no error."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return
    address = "\0" + place[1:] if place.startswith("@") else place
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.connect(address)
        door.send(message.encode())


def _tell(run: Living, path: Path | None, ended: threading.Event) -> None:
    release = os.environ.get("EDGENETS_RELEASE")
    source = redacted(run.source_name)
    while True:
        vitals, summary = run.vitals, run.summary
        status = {
            "pid": os.getpid(), "release": release, "time": round(time.time(), 3),
            "artifact": summary.artifact, "runs_on": summary.runs_on, "source": source,
            "inferences": vitals.inferences, "latency_ms": vitals.latency_ms(),
            "notices": dict(summary.notices), "problem": vitals.problem,
        }  # fmt: skip
        if path is not None:
            with suppress(OSError):  # a full or missing /run ends no service
                beside = path.with_name(f".{path.name}.new")
                beside.write_text(json.dumps(status) + "\n")
                beside.replace(path)
        if not vitals.hangs:
            notify(f"WATCHDOG=1\nSTATUS={vitals.inferences} inferences on {source}")
        if ended.wait(INTERVAL):
            return
