"""`edgenets bench`."""

from __future__ import annotations

from typing import Any

import click

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
)  # fmt: skip

# What the CPU time of the table is of, by the kind of the model's input; else a second of sound.
_COSTS = {
    "image": "CPU ms/picture",
    "text": "CPU ms/1000 tokens",
    "pieces": "CPU ms/1000 pieces",
    "series": "CPU ms/1000 steps",
    "habits": "CPU ms/1000 steps",
}


@click.command(
    epilog="""\b
Examples:
  edgenets bench kws-gru
  edgenets bench kws-gru --backend tflite --precision int8,fp32 --threads 1,2 --json

Every row is measured in a process of its own. `step` is one inference with its state, features or
preprocessing apart; `CPU` is everything from sound to decision, a second of sound, from a picture
of 640 × 480 to what is found on it, or a thousand tokens."""
)
@click.argument("bundle", type=BundleName())
@click.option("--backend", type=Several(BACKENDS[:3]), help="Take no others.")
@click.option("--precision", type=Several(PRECISIONS), help="Take no others.")
@click.option("--threads", default="1", show_default=True, help="One number or several, by comma.")
@click.option("--seconds", type=Seconds(1, 3600), default=20.0, show_default=True, help="Of sound.")
@json_option
def command(
    bundle: str, backend: Any, precision: Any, threads: str, seconds: float, as_json: bool
) -> None:
    """Measure what a bundle costs on this machine."""
    from edgenets import backend as backends
    from edgenets import progress, records, zoo
    from edgenets.artefact import id_of
    from edgenets.errors import BackendError
    from edgenets.stages import stage

    opened = zoo.load(bundle)
    try:
        counts = [backends.Options(threads=int(part)).threads for part in threads.split(",")]
    except ValueError:
        raise click.BadParameter(
            f"'{threads}' is no list of numbers from 1 to 256", param_hint="--threads"
        ) from None
    wanted = [
        a
        for a in opened.artefacts
        if (backend is None or a.format in backend)
        and (precision is None or a.precision in precision)
    ]
    obstacles = {name: backends.why_not(name) for name in {a.format for a in wanted}}
    here = [a for a in wanted if obstacles[a.format] is None]
    for why in filter(None, obstacles.values()):
        click.echo(f"left out: {why}", err=True)
    if not here:
        raise BackendError(f"{bundle}: nothing of what was asked for can be run here")
    jobs = [(a, n) for a in here for n in counts]
    rows = []
    with progress.for_stderr().task("measuring") as task:
        for done, (artefact, count) in enumerate(jobs, 1):
            rows.append(stage("bench")(opened, artefact.id, count, seconds))
            task.update(done, len(jobs), artefact.id)
    if as_json:
        emit({"rows": [records.to_plain(row) for row in rows]})
        return
    columns = (
        "artefact", "threads", "load ms", "first µs", "step p50 µs", "p90", "p99",
        _COSTS.get(opened.spec.input.kind, "CPU ms/s"),
        "peak MB", "size",
    )  # fmt: skip
    table(
        f"{opened.spec.name} on this machine",
        columns,
        [
            (
                id_of(r.backend, r.precision, r.part), str(r.threads),
                f"{r.load_ms:.0f}", f"{r.first_us:.0f}", f"{r.p50_us:.1f}", f"{r.p90_us:.1f}",
                f"{r.p99_us:.1f}",
                f"{r.cpu_ms:.2f}", f"{r.peak_rss_mb:.0f}", size(r.bytes),
            )
            for r in rows
        ],
    )  # fmt: skip
