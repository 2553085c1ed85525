"""`edgenets calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.copies import target_of
from edgenets.cli.listening import Rate
from edgenets.cli.options import (
    BACKENDS,
    PRECISIONS,
    AnyData,
    AnyPath,
    BundleName,
    emit,
    json_option,
    table,
)

if TYPE_CHECKING:
    from edgenets.artifact import Precision

_COLUMNS = ("word", "threshold", "now", "recall", "now", "false accepts", "now")


@click.command(
    epilog="""\b
Examples:
  edgenets calibrate lights.edge --negatives radio.flac --positives recordings --max-fa 0.5/h
  edgenets calibrate kws-gru --negatives talks --negatives tv.mp3 --out quiet.edge

Negatives are recordings of the place of use in which none of the words is said:
speech, music, work; the longer the better. Positives are recordings of the
words, a folder a word. Without them the lowest thresholds that the rate allows
are not known to hear anything. The bundle keeps what they were set by. Exit
code 1: of a word less than half is still heard."""
)
@click.argument("bundle", type=BundleName())
@click.option(
    "--negatives",
    required=True,
    type=AnyData,
    multiple=True,
    help="Recordings without any of the words, or folders of them; several may be given.",
)
@click.option(
    "--positives", type=AnyData, multiple=True, help="Recordings of words, a folder a word."
)
@click.option(
    "--max-fa", type=Rate(), default="0.5/h", show_default=True, help="False accepts allowed."
)
@click.option("--backend", type=click.Choice(BACKENDS), help="Take no other backend.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Take no other precision.")
@click.option("--out", type=AnyPath, help="The bundle to write.  [default: the same]")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    bundle: str,
    negatives: tuple[Path, ...],
    positives: tuple[Path, ...],
    max_fa: float,
    backend: str | None,
    precision: Precision | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Set a bundle's thresholds by what it hears in recordings.

    Each word gets the threshold by which most of its recordings are heard, while no more is
    accepted in the negatives than --max-fa says.
    """
    from edgenets import progress, zoo
    from edgenets.runtime.calibrate import calibrate
    from edgenets.selection import Request
    from edgenets.tasks.task import Streams

    opened = zoo.load(bundle)
    target = target_of(opened, out)
    found = calibrate(
        opened,
        Streams(negatives, positives),
        max_fa,
        target,
        Request(backend, precision),
        progress.for_stderr(),
    )
    if as_json:
        emit({"bundle": str(target), **found.evidence, "lost": list(found.lost)})
    else:
        table(str(target), _COLUMNS, found.rows)
        for line in found.said:
            click.echo(line)
    for line in found.lost:
        click.echo(f"{line}; record more of it, and train on", err=True)
    ctx.exit(1 if found.lost else 0)
