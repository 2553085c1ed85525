"""What `bench` and `choose` have in common: every artefact that can be run here, measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click


def counts_of(threads: str) -> list[int]:
    """`1,2` as numbers."""
    from edgenets.backend import Options

    try:
        return [Options(threads=int(part)).threads for part in threads.split(",")]
    except ValueError:
        raise click.BadParameter(
            f"'{threads}' is no list of numbers from 1 to 256", param_hint="--threads"
        ) from None


def every_count() -> list[int]:
    """One, and twice as many until all cores are busy."""
    cores = os.cpu_count() or 1
    counts = [1]
    while counts[-1] < cores:
        counts.append(min(2 * counts[-1], cores))
    return counts


def measured(
    bundle: Any, formats: Any, precisions: Any, counts: Sequence[int], seconds: float
) -> list[Any]:
    """Rows of `edgenets.runtime.bench`, of all that is wanted and can be run.

    Raises:
        BackendError: nothing of it can.
    """
    from edgenets import backend as backends
    from edgenets import progress
    from edgenets.errors import BackendError
    from edgenets.stages import stage

    wanted = [
        a
        for a in bundle.artefacts
        if (formats is None or a.format in formats)
        and (precisions is None or a.precision in precisions)
    ]
    obstacles = {name: backends.why_not(name) for name in {a.format for a in wanted}}
    here = [a for a in wanted if obstacles[a.format] is None]
    for why in filter(None, obstacles.values()):
        click.echo(f"left out: {why}", err=True)
    if not here:
        raise BackendError(f"{bundle.path}: nothing of what was asked for can be run here")
    jobs = [(a, n) for a in here for n in counts]
    rows = []
    with progress.for_stderr().task("measuring") as task:
        for done, (artefact, count) in enumerate(jobs, 1):
            rows.append(stage("bench")(bundle, artefact.id, count, seconds))
            task.update(done, len(jobs), artefact.id)
    return rows


def warn(rows: Sequence[Any]) -> None:
    """Say what spoiled measurements, so that nobody takes them for more than they are."""
    for row in rows:
        if row.disturbed:
            click.echo(f"{row.id} × {row.threads} was disturbed: {row.disturbed}", err=True)
