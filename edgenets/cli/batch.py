"""`edgenets batch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.options import (
    FORMATS,
    PRECISIONS,
    AnyData,
    AnyPath,
    Several,
    Shapes,
    emit,
    json_option,
    shape_option,
    size,
    table,
    variant_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgenets.artifact import Format, Precision
    from edgenets.converters.routes.batch import Entry
    from edgenets.converters.routes.converter import Variant


@click.command(
    epilog="""\b
Examples:
  edgenets batch models/*.keras --out converted --to tflite,onnx --jobs 2
  edgenets batch models/* --out converted --calibration items/ --data items/

A batch that was stopped goes on where it was: what went well is not converted again. Items may be
one file for all models, or a folder of files that are called as the models are (net.keras has
net.npz). Exit code 1 when a model could not be converted, or an artifact did not pass."""
)
@click.argument("models", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=AnyPath, help="Folder that gets one of each model.")
@click.option("--to", type=Several(FORMATS), default=",".join(FORMATS), show_default=True)
@click.option("--precision", type=Several(PRECISIONS), help="[default: all that a model can have]")
@click.option("--calibration", type=AnyData, help="Items that integers are calibrated on.")
@click.option("--data", type=AnyData, help="Items to verify on.")
@variant_option
@shape_option
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes at a time; each takes about a gigabyte of memory.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context, models: tuple[Path, ...], out: Path, to: tuple[Format, ...],
    precision: tuple[Precision, ...] | None, calibration: Path | None, data: Path | None,
    variant: Variant, shape: Shapes, jobs: int, as_json: bool,
) -> None:  # fmt: skip
    """Convert many models side by side, and verify them."""
    from edgenets import progress, records
    from edgenets.converters.routes.batch import BatchOptions, batch

    wanted = BatchOptions(
        to,
        precision,
        variant,
        dict(shape),
        *(None if place is None else str(place) for place in (calibration, data)),
    )
    found = batch(models, out, wanted, jobs, progress.for_stderr())
    if as_json:
        emit({"models": [{**records.to_plain(one), "well": one.well} for one in found]})
    else:
        _show(out, found)
    ctx.exit(0 if all(one.well for one in found) else 1)


def _show(out: Path, found: Sequence[Entry]) -> None:
    rows = []
    for one in found:
        judged = {v.id: v for v in one.verdicts}
        failed = [id for id, v in judged.items() if not v.passed]
        passed = f"{len(judged) - len(failed)} of {len(judged)}" if judged else "–"
        reason = one.error.replace("\n", " ")
        if failed and not reason:
            reason = (
                f"failed: {', '.join(failed)}; see {out / Path(one.model).name / 'report.html'}"
            )
        smallest = min((a.bytes for a in one.artifacts), default=None)
        rows.append(
            (
                Path(one.model).name, str(len(one.artifacts)), str(len(one.missing)), passed,
                "–" if smallest is None else size(smallest), f"{one.seconds:.1f}", reason,
            )
        )  # fmt: skip
    columns = ("model", "artifacts", "not there", "passed", "smallest", "seconds", "")
    table(str(out), columns, rows)
    for one in found:
        for line in one.missing:
            click.echo(f"Not there of {Path(one.model).name}: {line}.")
