"""`edgenets run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenets.cli.options import (
    BACKENDS,
    PRECISIONS,
    BundleName,
    Seconds,
    emit,
    json_option,
    several,
    table_options,
)
from edgenets.cli.sources import SourceCommand, unmarked
from edgenets.cli.standard import say

if TYPE_CHECKING:
    from edgenets.artifact import Precision
    from edgenets.spec import ModelSpec

_File = click.Path(exists=True, dir_okay=False, path_type=Path)

# Sinks that would stand beside the one JSON object of --json.
ON_STDOUT = ("console:", "console:stdout", "jsonl:", "jsonl:-")

# The exit code of a run that went to its end, and lost results or inputs on the way.
LOST = 3


@click.command(
    cls=SourceCommand,
    epilog="""\b
Examples:
  edgenets run kws-gru mic:default
  edgenets run kws-gru speech.flac --sink jsonl:words.jsonl
  edgenets run mine.edge recordings/ --sink console: --sink jsonl:-
  arecord -t raw -f S16_LE -r 16000 | edgenets run kws-gru -
  edgenets run kws-gru mic:USB --threshold stop=0.9 --seconds 60
  edgenets run object-detect camera:0 --sink web:8080
  edgenets run object-detect rtsp://one/a rtsp://two/b --scene gate.toml --sink mqtt://broker/gate
  edgenets run asr-digits mic:default
  edgenets run segment slides/*.png --sink frames:drawn
  echo "what a fine film" | edgenets run text-sentiment -
  edgenets run char-lm --prompt "ROMEO:" --temperature 0.7 --seed 1
  echo "A man is riding a horse." | edgenets run translate.edge -
  edgenets run forecast readings.csv
  edgenets run anomaly meter.csv --delimiter ';' --decimal , --time-format '%d.%m.%Y %H:%M'
  edgenets run forecast mqtt://broker/meter --sink mqtt://broker/foreseen

Sound: mic:default, mic:NAME, a file, a folder of files, - (raw PCM on stdin), null:SECONDS.
Images: camera:0, csi:0, rtsp://…, http://… (MJPEG), a video, an image, a folder or glob,
null:?seconds=10; several may be given. Text: a file, or - (stdin), one text per line. Readings: a
table of CSV or JSON lines, -, mqtt://HOST/TOPIC. Sinks: console:, jsonl:PATH, jsonl:-,
mqtt://HOST/TOPIC, http://…, and for images video:PATH, frames:DIR, web:PORT. Ctrl-C ends a run and
prints its summary.

Exit codes: 0 all of the input was read and all results delivered; 2 wrong usage or input; 3 the run
ended, but results or inputs were lost: how many is said in its last line, and under "lost" with
--json (--allow-loss: 0).""",
)
@click.argument("bundle", type=BundleName())
@click.argument("sources", nargs=-1, metavar="[SOURCE]...", callback=unmarked)
@click.option(
    "--sink",
    "sinks",
    multiple=True,
    metavar="URI",
    help="Where results go; may be given several times.  [default: console:]",
)
@click.option("--backend", type=click.Choice(BACKENDS), help="Use only this backend.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Use only this precision.")
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    help="Number of CPU threads.  [default: as `edgenets choose` recorded, or 1]",
)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="[LABEL=]X",
    help="Score from which a label is reported, 0 to 1; of one label, or of all.",
)
@click.option(
    "--seconds",
    type=Seconds(0, min_open=True),
    help="Stop after this much sound or video, of a live source after this time.",
)
@click.option(
    "--scene", type=_File, help="TOML file of zones, lines and labels to report (images)."
)
@click.option(
    "--words", type=_File, help="Restrict recognition to this word list, a word per line (speech)."
)
@click.option(
    "--text", type=_File, help="Text corpus for the n-gram language model that guides it (speech)."
)
@click.option("--prompt", help="Text to continue (language models).")
@click.option(
    "--tokens",
    type=click.IntRange(1),
    help="Number of tokens to generate (language models).  [default: 500]",
)
@click.option(
    "--temperature", type=float, help="Sampling temperature; 0: always the most likely token."
)
@click.option(
    "--top-k", type=click.IntRange(0), help="Sample from the K most likely tokens; 0: from all."
)
@click.option(
    "--top-p",
    type=float,
    help="Nucleus sampling: the smallest token set with cumulative probability of at least P.",
)
@click.option(
    "--seed", type=click.IntRange(0), help="Random seed; the same seed generates the same text."
)
@click.option(
    "--suggestions",
    type=click.IntRange(1, 100),
    help="Words to suggest after each line (language models).  [default: 3]",
)
@click.option(
    "--every",
    type=click.IntRange(1),
    help="Report every Nth reading (time series).  [default: 1; of a file, the last one only]",
)
@click.option(
    "--beam",
    type=click.IntRange(1, 1000),
    help="Beam width; 1: greedy, the fastest (translation).  [default: the model's]",
)
@table_options
@click.option(
    "--allow-loss",
    is_flag=True,
    help="Exit code 0 even where results or inputs were lost; they are reported all the same.",
)
@json_option
def command(
    bundle: str,
    sources: tuple[str, ...],
    sinks: tuple[str, ...],
    backend: str | None,
    precision: Precision | None,
    threads: int | None,
    thresholds: tuple[str, ...],
    as_json: bool,
    allow_loss: bool,
    **arguments: Any,
) -> int:
    """Run a bundle on microphones, cameras, files, text or streams of readings.

    BUNDLE is an .edge file or the name of a shipped one. SOURCE is where its input comes from; by
    default mic:default, camera:0 or standard input, depending on the model.
    """
    from edgenets import zoo
    from edgenets.cli.running import RunArguments, made
    from edgenets.cli.signals import finishing
    from edgenets.runtime.load import load
    from edgenets.runtime.vitals import telling
    from edgenets.selection import Request, select
    from edgenets.uri import resolved

    sources, sinks = tuple(map(resolved, sources)), tuple(map(resolved, sinks))
    if as_json and any(sink in ON_STDOUT for sink in sinks):
        raise click.UsageError("with --json stdout holds the summary alone; give another sink")
    opened = zoo.load(bundle)
    spec = _with_thresholds(opened.spec, thresholds)
    selected = select(opened, Request(backend, precision, threads))
    session = load(opened, selected)
    run, doing = made(opened, session, spec, RunArguments(sources, **arguments))
    named = f" for: {several(spec.reported)}" if spec.reported else ""
    default = "console:stderr" if as_json else "console:"
    with finishing(run.stop), telling(run):
        say(f"{spec.name} · {selected.artifact.form} on {session.runs_on}: {selected.reason}")
        say(f"{doing} {run.source_name}{named}")
        summary = run.deliver(sinks or (default,), say)
    if as_json:
        emit(summary.plain())
    else:
        say(summary.sentence())
    if lost := summary.losses_in_words():
        say(f"lost: {lost}")
    return LOST if lost and not allow_loss else 0


def _with_thresholds(spec: ModelSpec, texts: tuple[str, ...]) -> ModelSpec:
    """The spec with the thresholds that were given."""
    for text in texts:
        label, equals, number = text.rpartition("=")
        try:
            value = float(number)
            spec = spec.with_threshold(label, value) if equals else spec.with_thresholds(value)
        except ValueError as exc:
            raise click.BadParameter(f"{text}: {exc}", param_hint="--threshold") from exc
    return spec
