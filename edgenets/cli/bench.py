"""`edgenets bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgenets.cli.measuring import counts_of, measured, warn
from edgenets.cli.options import (
    BACKENDS,
    PRECISIONS,
    BundleName,
    Seconds,
    Several,
    emit,
    json_option,
    size,
    table,
)

if TYPE_CHECKING:
    from edgenets.artifact import Precision


@click.command(
    epilog="""\b
Examples:
  edgenets bench kws-gru
  edgenets bench kws-gru --backend tflite --precision int8,fp32 --threads 1,2 --json
  edgenets bench object-detect --all

Every row is measured in a process of its own. `step` is one inference with its state, features or
preprocessing apart; `CPU` is everything from sound to decision, a second of sound, from an image
of 640 × 480 to what is found on it, or a thousand tokens."""
)
@click.argument("bundle", type=BundleName())
@click.option("--backend", type=Several(BACKENDS[:-1]), help="Take no others.")
@click.option("--precision", type=Several(PRECISIONS), help="Take no others.")
@click.option("--threads", help="One number or several, by comma.  [default: 1]")
@click.option("--all", "every", is_flag=True, help="Every number of threads that makes sense here.")
@click.option("--seconds", type=Seconds(1, 3600), default=20.0, show_default=True, help="Of sound.")
@json_option
def command(
    bundle: str,
    backend: tuple[str, ...] | None,
    precision: tuple[Precision, ...] | None,
    threads: str | None,
    every: bool,
    seconds: float,
    as_json: bool,
) -> None:
    """Measure latency, CPU and memory of a bundle on this machine."""
    from edgenets import records, zoo
    from edgenets.selection import select
    from edgenets.tasks import task_of

    if every and threads is not None:
        raise click.UsageError("--all takes every number of threads; no --threads beside it")
    opened = zoo.load(bundle)
    counts = None if every else counts_of("1" if threads is None else threads)
    rows = measured(opened, backend, precision, counts, seconds)
    if as_json:
        emit({"rows": [records.to_plain(row) for row in rows]})
        return
    columns = (
        "artifact", "threads", "load ms", "first µs", "step p50 µs", "95 % of it", "p90", "p99",
        task_of(opened.spec.task).cost_unit,
        "peak MB", "size",
    )  # fmt: skip
    table(
        f"{opened.spec.name} on this machine",
        columns,
        [
            (
                r.name, str(r.threads), f"{r.load_ms:.0f}", f"{r.first_us:.0f}",
                f"{r.p50_us:.1f}", f"{r.low_us:.1f}–{r.high_us:.1f}", f"{r.p90_us:.1f}",
                f"{r.p99_us:.1f}",
                f"{r.cpu_ms:.2f}", f"{r.peak_rss_mb:.0f}", size(r.bytes),
            )
            for r in rows
        ],
    )  # fmt: skip
    warn(rows)
    selected = select(opened)
    taken = f"{selected.artifact.form} on {selected.backend}, threads: {selected.threads}"
    click.echo(f"`edgenets run` takes {taken} ({selected.reason})", err=True)
