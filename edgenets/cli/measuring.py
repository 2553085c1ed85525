"""What `bench` and `choose` have in common: every artefact that can be run here, measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click

from edgenets.cli.options import BACKENDS, FORMATS


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
    from edgenets.backend import MOST_THREADS

    cores = min(os.cpu_count() or 1, MOST_THREADS)
    counts = [1]
    while counts[-1] < cores:
        counts.append(min(2 * counts[-1], cores))
    return counts


def measured(
    bundle: Any, names: Any, precisions: Any, counts: Sequence[int], seconds: float
) -> list[Any]:
    """Rows of `edgenets.runtime.bench`, of all that is wanted and can be run.

    Args:
        names: of backends; None: all.

    Raises:
        BackendError: nothing of it can; what one cannot alone is told on stderr.
    """
    from edgenets import backend as backends
    from edgenets import progress
    from edgenets.errors import BackendError
    from edgenets.runtime.bench import bench

    wanted = [
        (a, name)
        for a in bundle.artefacts
        for name in names or _runners()
        if backends.runs(name, a) and (precisions is None or a.precision in precisions)
    ]
    obstacles = {name: backends.why_not(name) for name in dict.fromkeys(n for _, n in wanted)}
    for name, why in obstacles.items():
        # Of an accelerator that is not there, who did not ask for it need not hear.
        if why and (names or name in FORMATS):
            click.echo(f"left out: {why}", err=True)
    # What is done elsewhere takes none of these threads.
    jobs = [
        (a, name, count)
        for a, name in wanted
        if obstacles[name] is None
        for count in (counts if name in FORMATS else counts[:1])
    ]
    if not jobs:
        raise BackendError(f"{bundle.path}: nothing of what was asked for can be run here")
    rows, refused, left = [], None, []
    with progress.for_stderr().task("measuring") as task:
        for done, (artefact, name, count) in enumerate(jobs, 1):
            try:
                rows.append(bench(bundle, artefact.id, count, seconds, name))
            except BackendError as exc:  # of one; the others are measured all the same
                refused = exc
                left.append(f"left out: {artefact.id} by {name} × {count}: {exc}")
            else:
                task.update(done, len(jobs), artefact.id)
    if not rows and refused is not None:
        raise refused
    for line in left:
        click.echo(line, err=True)
    return rows


def _runners() -> list[str]:
    """Every backend that computes."""
    return [name for name in BACKENDS if name != "null"]


def warn(rows: Sequence[Any]) -> None:
    """Say what spoiled measurements, so that nobody takes them for more than they are."""
    disturbed: dict[str, list[str]] = {}
    for row in rows:
        if row.disturbed:
            disturbed.setdefault(row.disturbed, []).append(f"{row.name} × {row.threads}")
    for why, names in disturbed.items():
        click.echo(f"{', '.join(names)}: disturbed, {why}", err=True)
