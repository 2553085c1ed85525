"""Every artifact of a bundle that can run here, measured."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgenets import backend as backends
from edgenets.artifact import FORMATS, Artifact, Precision
from edgenets.bundle import Bundle
from edgenets.errors import BackendError
from edgenets.progress import Progress

from .bench import Row, bench

_Job = tuple[Artifact, str, int]  # an artifact, a backend, a number of threads


def every_count() -> list[int]:
    """Numbers of threads: one, and twice as many until all cores are busy."""
    cores = min(os.cpu_count() or 1, backends.MOST_THREADS)
    counts = [1]
    while counts[-1] < cores:
        counts.append(min(2 * counts[-1], cores))
    return counts


@dataclass(frozen=True)
class Requested:
    """What is to be measured."""

    backends: Sequence[str] | None = None  # None: all
    precisions: Sequence[Precision] | None = None  # None: all
    threads: Sequence[int] = (1,)  # numbers of them
    seconds: float = 20.0  # as of `bench`


def measured(
    bundle: Bundle,
    requested: Requested,
    say: Callable[[str], None] = lambda _: None,
    progress: Progress | None = None,
) -> list[Row]:
    """Measure all that is requested and can run.

    Args:
        say: called with what was left out, and why.

    Raises:
        BackendError: nothing of it can run.
    """
    jobs = _jobs(_available(bundle, requested, say), requested.threads)
    if not jobs:
        raise BackendError(f"{bundle.path}: nothing of what was asked for can be run here")
    rows, refused = _rows(bundle, jobs, requested.seconds, progress or Progress())
    if not rows:
        raise list(refused.values())[-1]
    for what, why in refused.items():
        say(f"left out: {what}: {why}")
    return rows


def _jobs(available: Sequence[tuple[Artifact, str]], counts: Sequence[int]) -> list[_Job]:
    """Each by every number of threads; an accelerator takes none of them."""
    return [
        (artifact, name, count)
        for artifact, name in available
        for count in (counts if name in FORMATS else counts[:1])
    ]


def _rows(
    bundle: Bundle, jobs: Sequence[_Job], seconds: float, progress: Progress
) -> tuple[list[Row], dict[str, BackendError]]:
    """What was measured, and what a backend refused and why."""
    rows: list[Row] = []
    refused: dict[str, BackendError] = {}
    with progress.task("measuring") as task:
        for done, (artifact, name, count) in enumerate(jobs, 1):
            try:
                rows.append(bench(bundle, artifact.id, count, seconds, name))
            except BackendError as exc:  # of one; the others are measured all the same
                refused[f"{artifact.id} by {name} × {count}"] = exc
            else:
                task.update(done, len(jobs), artifact.id)
    return rows, refused


def _available(
    bundle: Bundle, requested: Requested, say: Callable[[str], None]
) -> list[tuple[Artifact, str]]:
    """What is requested and can run here, and a word on every backend that cannot."""
    wanted = _wanted(bundle, requested)
    obstacles = {name: backends.why_not(name) for name in dict.fromkeys(n for _, n in wanted)}
    for name, obstacle in obstacles.items():
        # Of an accelerator that is not there, who did not ask for it need not hear.
        if obstacle and (requested.backends or name in FORMATS):
            say(f"left out: {obstacle}")
    return [(artifact, name) for artifact, name in wanted if obstacles[name] is None]


def _wanted(bundle: Bundle, requested: Requested) -> list[tuple[Artifact, str]]:
    """Artifacts, each with every backend that could run it somewhere."""
    computing = [name for name in backends.BACKENDS if name != "null"]
    return [
        (artifact, name)
        for artifact in bundle.artifacts
        if requested.precisions is None or artifact.precision in requested.precisions
        for name in requested.backends or computing
        if backends.runs(name, artifact)
    ]
