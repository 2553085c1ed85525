"""`edgenets words`."""

from __future__ import annotations

from pathlib import Path

import click

from edgenets.cli.options import AnyPath, emit, json_option


@click.command(
    epilog="""\b
Examples:
  edgenets words "hey computer" stop --out recordings
  edgenets build custom-words --data recordings --out computer.edge

Half of the voices are espeak-ng's, half those of a network that learned from a person (hibari):
many throats, accents, pitches and speeds. Recordings of people make a better model still; put
theirs into the same folders. custom-words learns the words among sentences
that the same voices say, and sets thresholds by what it takes for a word in others."""
)
@click.argument("words", nargs=-1, required=True)
@click.option("--out", required=True, type=AnyPath, help="Folder for LABEL/*.wav.")
@click.option("--clips", type=click.IntRange(1), default=200, show_default=True, help="A word.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@json_option
def command(words: tuple[str, ...], out: Path, clips: int, seed: int, as_json: bool) -> None:
    """Synthesize recordings of words of your choice.

    Beside them come recordings of other words, and of silence.
    """
    from edgenets import progress
    from edgenets.tasks.keywords.clips import find_clips
    from edgenets.tasks.keywords.synthetic import is_earlier, make_dataset

    with progress.for_stderr().task("speaking") as task:
        make_dataset(words, out, clips_per_word=clips, seed=seed, progress=task.update)
    if is_earlier(out):
        said = "by espeak-ng alone; delete it, and half of the voices will be those of a person"
        click.echo(f"{out} is as an earlier edgenets made it, {said}", err=True)
    counts: dict[str, int] = {}
    for clip in find_clips(out):
        counts[clip.label] = counts.get(clip.label, 0) + 1
    if as_json:
        emit({"folder": str(out), "clips": counts})
    else:
        click.echo(f"{out}: " + ", ".join(f"{label} {n}" for label, n in counts.items()))
