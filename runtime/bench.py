"""`bench`: what an artifact costs on this machine, each in a process of its own.

A process of its own makes the first call a first call, and the peak memory that
of one backend. It is `python -m edgenets.runtime.bench`, which prints JSON.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgenets import backend, child, records
from edgenets.arrays import Array
from edgenets.artifact import id_of
from edgenets.bundle import Bundle
from edgenets.errors import BackendError
from edgenets.tasks import task_of
from edgenets.tasks.cost import WARM_UP_STEPS

from .pollution import Pollution

# Fewer say nothing about a 99th percentile.
LEAST_STEPS = 200

# A child that takes this much longer than its audio hangs.
TIMEOUT = 300.0  # s


@dataclass(frozen=True)
class Row:
    """Figures of one artifact with one number of threads."""

    backend: str
    precision: str
    threads: int
    first_us: float  # first step after loading
    p50_us: float  # of one inference, its state included, without features or preprocessing
    p90_us: float
    p99_us: float
    # CPU time, from sound to decision a second of sound; of one image; of a thousand tokens.
    cpu_ms: float
    peak_rss_mb: float  # of a process that does this alone
    bytes: int  # of the artifact's files
    load_ms: float  # from import of the backend to a session that is ready
    runs_on: str
    part: str = ""  # which network of its model, where that is made of several
    p95_us: float = 0.0
    # Between which the median lies with 95 % confidence, if each step is apart from the others.
    low_us: float = 0.0
    high_us: float = 0.0
    disturbed: str = ""  # what spoiled the measurement; see `pollution`
    format: str = ""  # of the artifact, where its backend is called otherwise

    @property
    def id(self) -> str:
        """The artifact's."""
        return id_of(self.format or self.backend, self.precision, self.part)

    @property
    def name(self) -> str:
        """The artifact's, and what runs it where that is not its format's own."""
        return f"{self.id} by {self.backend}" if self.format else self.id


def bench(
    bundle: Bundle,
    id: str,
    threads: int = 1,
    seconds: float = 20.0,
    backend_name: str | None = None,
) -> Row:
    """Measure one artifact in a process of its own.

    Args:
        id: of the artifact, such as `tflite-int8`.
        seconds: of sound that is streamed, or ten times what images are shown for.
        backend_name: what runs it; None: its format's own backend.

    Raises:
        BackendError: the artifact cannot be loaded, or its process ends badly.
    """
    if backend_name is not None:  # the process below is not waited for as long as that takes
        artifact = bundle.artifact(id)
        backend.prepare(backend_name, artifact, bundle.files(artifact))
    arguments = (bundle.path, id, threads, seconds, backend_name or "")
    found = child.ask(__name__, arguments, TIMEOUT + seconds, id, BackendError)
    return records.parse(Row, found)


def measure(
    bundle: Bundle, id: str, threads: int, seconds: float, backend_name: str | None = None
) -> Row:
    """Measure one artifact in this process."""
    artifact = bundle.artifact(id)
    name = backend_name or backend.backend_of(artifact)
    files = bundle.files(artifact)
    begun = time.perf_counter()
    task = task_of(bundle.spec.task)
    alone = backend.load(name, artifact, files, backend.Options(threads=threads))
    session = task.completed(bundle, alone)
    loaded = time.perf_counter()
    (source,) = session.artifact.inputs
    frames = task.random(bundle.spec, 64 * math.prod(source.shape)).reshape(64, *source.shape)
    session.reset(task.given(bundle.spec) if artifact.sequence_inputs else None)
    first = _time_step(session, source.name, frames[0])
    for i in range(WARM_UP_STEPS):
        _time_step(session, source.name, frames[i % 64])
    times: list[float] = []
    begun_steps = time.perf_counter()
    with Pollution() as pollution:
        while len(times) < LEAST_STEPS or time.perf_counter() - begun_steps < seconds / 10:
            times.append(_time_step(session, source.name, frames[len(times) % 64]))
    cpu = task.cpu_ms(bundle.spec, session, seconds)
    p50, p90, p95, p99 = np.percentile(times, (50, 90, 95, 99))
    low, high = _median_within(times)
    return Row(
        name, artifact.precision, threads, round(first, 1), round(float(p50), 2),
        round(float(p90), 2), round(float(p99), 2), round(cpu, 4),
        round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        bundle.size(artifact), round(1e3 * (loaded - begun), 1), session.runs_on, artifact.part,
        round(float(p95), 2), round(low, 2), round(high, 2), pollution.found,
        artifact.format if artifact.format != name else "",
    )  # fmt: skip


def _median_within(times: list[float]) -> tuple[float, float]:
    """Two of the times, between which the median lies with 95 % confidence, by their order."""
    ordered, n = sorted(times), len(times)
    away = 1.96 * math.sqrt(n) / 2
    return ordered[max(int(n / 2 - away), 0)], ordered[min(int(n / 2 + away), n - 1)]


def _time_step(session: backend.Session, name: str, frames: Array) -> float:
    """Microseconds of one step."""
    start = time.perf_counter_ns()
    session.run({name: frames})
    return (time.perf_counter_ns() - start) / 1e3


def _asked() -> Any:
    path, id, threads, seconds, name = sys.argv[1:]
    row = measure(Bundle(Path(path)), id, int(threads), float(seconds), name or None)
    return records.to_plain(row)


if __name__ == "__main__":
    child.answer(_asked)
