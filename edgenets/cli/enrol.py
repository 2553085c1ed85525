"""`edgenets enrol`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.copies import target_of
from edgenets.cli.options import (
    BACKENDS,
    PRECISIONS,
    AnyData,
    AnyPath,
    BundleName,
    emit,
    json_option,
    size,
)

if TYPE_CHECKING:
    from edgenets.artifact import Precision

# Recordings that are made, where their number is not said.
_LIVE = 10


@click.command(
    epilog="""\b
Examples:
  edgenets enrol speech-embedding --word lamp lamp/*.wav --out lamp.edge
  edgenets enrol lamp.edge --word radio radio/
  edgenets enrol speech-embedding --word lamp --live --out lamp.edge
  edgenets enrol lights.edge --word on mine/ --negatives others/

Three recordings will do, twenty are better: of one person, or of all who will say it; each with
the word once. Learned on this machine in some seconds, without a training framework. A word that
the bundle hears already is heard from then on only where the person of the recordings says it.
`edgenets calibrate` sets the threshold by hours of the place of use."""
)
@click.argument("bundle", type=BundleName())
@click.argument("clips", nargs=-1, type=AnyData)
@click.option("--word", required=True, metavar="NAME", help="What is said in the recordings.")
@click.option(
    "--negatives",
    multiple=True,
    type=AnyData,
    help="Recordings, or folders of them, in which the word is not said, or others say it.",
)
@click.option(
    "--live",
    is_flag=False,
    flag_value=_LIVE,
    type=click.IntRange(3, 100),
    metavar="[N]",
    help=f"Record the word from the microphone first, {_LIVE} times or N.",
)
@click.option(
    "--source", default="mic:default", show_default=True, help="Of --live; as `run` takes it."
)
@click.option("--keep", type=AnyPath, help="Folder for what --live records.  [default: NAME]")
@click.option("--backend", type=click.Choice(BACKENDS), help="Take no other backend.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Take no other precision.")
@click.option("--out", type=AnyPath, help="The bundle to write.  [default: the same]")
@json_option
def command(
    bundle: str,
    clips: tuple[Path, ...],
    word: str,
    negatives: tuple[Path, ...],
    live: int | None,
    source: str,
    keep: Path | None,
    backend: str | None,
    precision: Precision | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Teach a bundle a word from a few recordings of it.

    CLIPS are recordings, or folders of them.
    """
    from edgenets import progress, zoo
    from edgenets.runtime.enrol import enrol
    from edgenets.selection import Request
    from edgenets.tasks.task import Spoken

    if not clips and live is None:
        raise click.UsageError("what is said? give recordings of it, or --live")
    opened = zoo.load(bundle)
    target = target_of(opened, out)
    if live is not None:
        from edgenets.runtime.recorder import record

        folder = keep or Path(word)
        rate = opened.spec.input.sample_rate
        clips += tuple(record(source, folder, live, rate, lambda text: click.echo(text, err=True)))
    spoken = Spoken(word, clips, negatives)
    request = Request(backend, precision)
    found = enrol(opened, spoken, target, request, progress.for_stderr())
    if as_json:
        emit({"bundle": str(target), **found.evidence})
        return
    for line in found.said:
        click.echo(f"{word}: {line}")
    click.echo(f"{target}: {size(target.stat().st_size)}. Next: edgenets run {target} mic:default")
