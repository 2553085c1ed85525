"""`edgenets eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.options import (
    BACKENDS,
    PRECISIONS,
    AnyData,
    BundleName,
    columns_option,
    emit,
    json_option,
    table,
    table_options,
)

if TYPE_CHECKING:
    from edgenets.artifact import Precision
    from edgenets.data.split import Split


@click.command(
    epilog="""\b
Examples:
  edgenets eval kws-gru --data speech_commands --split test
  edgenets eval mine.edge --data recordings --backend onnx --precision int8 --json
  edgenets eval char-lm --data shakespeare.txt --split test
  edgenets eval kws-gru --negatives radio.flac --negatives talks --positives recordings

Words are judged by streams: --negatives are recordings in which none of them
is said, --positives a folder of recordings a word. Without --split all of the
data counts, that which the model was trained on too."""
)
@click.argument("bundle", type=BundleName())
@click.option("--data", type=AnyData, help="Recordings, images or texts.")
@click.option(
    "--negatives",
    type=AnyData,
    multiple=True,
    help="Recordings without any of the words; several may be given.",
)
@click.option(
    "--positives", type=AnyData, multiple=True, help="Recordings of words, a folder a word."
)
@columns_option
@click.option("--backend", type=click.Choice(BACKENDS), help="Take no other backend.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Take no other precision.")
@click.option(
    "--split", type=click.Choice(("train", "validation", "test")), help="Of the training."
)
@table_options
@json_option
def command(
    bundle: str,
    data: Path | None,
    negatives: tuple[Path, ...],
    positives: tuple[Path, ...],
    columns: tuple[str, ...] | None,
    backend: str | None,
    precision: Precision | None,
    split: Split | None,
    as_json: bool,
    **format: str | None,
) -> None:
    """Measure a bundle on labeled data, or by what it hears in streams.

    They go through the very pipeline that a device runs.
    """
    from edgenets import progress, zoo
    from edgenets.cli.running import table_format
    from edgenets.runtime.evaluate import evaluate, listen
    from edgenets.selection import Request
    from edgenets.tasks.task import Streams

    request = Request(backend, precision)
    opened = zoo.load(bundle)
    if columns is not None:
        opened = opened.with_spec(opened.spec.with_columns(columns))
    if (data is None) == (not negatives and not positives):
        raise click.UsageError(
            "say --data, or, of a model of words, --negatives and --positives; not both"
        )
    if data is None:
        if split is not None or columns is not None:
            raise click.UsageError("--split and --columns are for --data")
        done = listen(opened, Streams(negatives, positives), request, progress.for_stderr())
    else:
        table_read = table_format(**format)
        done = evaluate(opened, data, request, split, progress.for_stderr(), table=table_read)
    found, selected = done.result, done.selected
    if as_json:
        emit(
            {
                "metric": found.metric, "value": found.value, "n": found.n,
                "backend": selected.backend, "precision": selected.artifact.precision,
                "split": split, "runs_on": done.runs_on, "figures": found.figures,
                "notices": list(found.notices),
            }
        )  # fmt: skip
        return
    if found.rows:
        table("", found.columns, found.rows)
    for more in found.more:
        table(more.title, more.columns, more.rows)
    for notice in found.notices:
        click.echo(notice, err=True)
    click.echo(f"{found.line}, {selected.artifact.form}")
