"""`edgenets build`."""

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
    columns_option,
    emit,
    json_option,
    size,
)
from edgenets.cli.training import (
    change_options,
    negatives_option,
    recipe_of,
    start_option,
    teacher_options,
)
from edgenets.cli.verify import show

if TYPE_CHECKING:
    from edgenets.artifact import Format, Precision


@click.command(
    epilog="""\b
Examples:
  edgenets build kws-gru --data speech_commands --out kws.edge
  edgenets build my-recipe.toml --data recordings --precision fp32,int8 --out mine.edge

Exit code 1 when an artifact fails the gate; what passed is bundled all the same."""
)
@click.argument("recipe")
@click.option("--data", required=True, type=AnyData, help="Recordings, images or texts.")
@click.option("--out", type=AnyPath, help="The .edge file.  [default: NAME.edge]")
@click.option("--run", "run_folder", type=AnyPath, help="Run folder.  [default: runs/NAME]")
@click.option("--to", type=Several(FORMATS), default=",".join(FORMATS), show_default=True)
@click.option(
    "--precision", type=Several(PRECISIONS), default=",".join(PRECISIONS), show_default=True
)
@click.option("--only", help="Ids of the artifacts to bundle, comma-separated.")
@change_options
@columns_option
@negatives_option
@start_option
@teacher_options
@json_option
@click.pass_context
def command(
    ctx: click.Context, recipe: str, data: Path, out: Path | None, run_folder: Path | None,
    changes: tuple[tuple[str, str], ...], name: str | None,
    to: tuple[Format, ...], precision: tuple[Precision, ...], only: str | None,
    columns: tuple[str, ...] | None, negatives: tuple[Path, ...], start: str | None,
    teacher: str | None, unlabeled: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Train, convert, verify and bundle in one go.

    RECIPE is a TOML file, or the name of a shipped recipe.
    """
    from edgenets import api, progress
    from edgenets.converters.verify.report import as_json as report_json

    found = recipe_of(recipe, columns, negatives, start, changes, name, (teacher, unlabeled))
    path = out or Path(f"{found.name}.edge")
    built = api.build(
        found, data, path, run_folder=run_folder, to=to, precisions=precision,
        only=[part.strip() for part in only.split(",")] if only else None,
        progress=progress.for_stderr(),
    )  # fmt: skip
    run, report = built.run, built.report
    if as_json:
        emit(
            {
                "bundle": str(path),
                "bytes": path.stat().st_size,
                run.judged: run.metrics[run.judged][run.metric],
                "artifacts": [a.id for a in built.bundle.artifacts],
                "report": report_json(report),
            }
        )
    else:
        show(report)
        click.echo(f"{path}: {size(path.stat().st_size)}. Report: {run.folder / 'report.html'}")
    ctx.exit(0 if report.passed else 1)
