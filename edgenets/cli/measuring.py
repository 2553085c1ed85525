"""What `bench` and `choose` have in common: every artifact that can be run here, measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgenets.artifact import Precision
    from edgenets.bundle import Bundle
    from edgenets.runtime.bench import Row


def counts_of(threads: str) -> list[int]:
    """`1,2` as numbers."""
    from edgenets.backend import Options

    try:
        return [Options(threads=int(part)).threads for part in threads.split(",")]
    except ValueError:
        raise click.BadParameter(
            f"'{threads}' is no list of numbers from 1 to 256", param_hint="--threads"
        ) from None


def measured(
    bundle: Bundle,
    names: Sequence[str] | None,
    precisions: Sequence[Precision] | None,
    counts: Sequence[int] | None,
    seconds: float,
) -> list[Row]:
    """As `edgenets.runtime.measuring.measured`, reported on stderr; no counts: all that help."""
    from edgenets import progress
    from edgenets.runtime import measuring

    every = measuring.every_count() if counts is None else counts
    requested = measuring.Requested(names, precisions, every, seconds)
    return measuring.measured(
        bundle, requested, lambda text: click.echo(text, err=True), progress.for_stderr()
    )


def warn(rows: Sequence[Row]) -> None:
    """Say what spoiled measurements, so that nobody takes them for more than they are."""
    disturbed: dict[str, list[str]] = {}
    for row in rows:
        if row.disturbed:
            disturbed.setdefault(row.disturbed, []).append(f"{row.name} × {row.threads}")
    for why, names in disturbed.items():
        click.echo(f"{', '.join(names)}: disturbed, {why}", err=True)
