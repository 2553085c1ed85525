"""Every artifact of a bundle that can run here, measured."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from edgenets import backend as backends
from edgenets.artifact import FORMATS, Precision
from edgenets.bundle import Bundle
from edgenets.errors import BackendError
from edgenets.progress import Progress

from .bench import Row, bench


def every_count() -> list[int]:
    """Numbers of threads: one, and twice as many until all cores are busy."""
    cores = min(os.cpu_count() or 1, backends.MOST_THREADS)
    counts = [1]
    while counts[-1] < cores:
        counts.append(min(2 * counts[-1], cores))
    return counts


def measured(
    bundle: Bundle, names: Sequence[str] | None = None,
    precisions: Sequence[Precision] | None = None, counts: Sequence[int] = (1,),
    seconds: float = 20.0, say: Callable[[str], None] = lambda _: None,
    progress: Progress | None = None,
) -> list[Row]:  # fmt: skip
    """Measure all that is requested and can run.

    Args:
        names: of backends; None: all.
        counts: numbers of threads.
        seconds: as of `bench`.
        say: called with what was left out, and why.

    Raises:
        BackendError: nothing of it can run.
    """
    computing = [name for name in backends.BACKENDS if name != "null"]
    wanted = [
        (a, name)
        for a in bundle.artifacts
        for name in names or computing
        if backends.runs(name, a) and (precisions is None or a.precision in precisions)
    ]
    obstacles = {name: backends.why_not(name) for name in dict.fromkeys(n for _, n in wanted)}
    for name, why in obstacles.items():
        # Of an accelerator that is not there, who did not ask for it need not hear.
        if why and (names or name in FORMATS):
            say(f"left out: {why}")
    # What is done elsewhere takes none of these threads.
    jobs = [
        (a, name, count)
        for a, name in wanted
        if obstacles[name] is None
        for count in (counts if name in FORMATS else counts[:1])
    ]
    if not jobs:
        raise BackendError(f"{bundle.path}: nothing of what was asked for can be run here")
    rows: list[Row] = []
    refused, left = None, []
    with (progress or Progress()).task("measuring") as task:
        for done, (artifact, name, count) in enumerate(jobs, 1):
            try:
                rows.append(bench(bundle, artifact.id, count, seconds, name))
            except BackendError as exc:  # of one; the others are measured all the same
                refused = exc
                left.append(f"left out: {artifact.id} by {name} × {count}: {exc}")
            else:
                task.update(done, len(jobs), artifact.id)
    if not rows and refused is not None:
        raise refused
    for line in left:
        say(line)
    return rows
