"""`edgenets run`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click

from edgenets.cli.options import (
    BACKENDS,
    PRECISIONS,
    BundleName,
    Seconds,
    emit,
    json_option,
    several,
)  # fmt: skip

_File = click.Path(exists=True, dir_okay=False, path_type=Path)

# Sinks that would stand beside the one JSON object of --json.
ON_STDOUT = ("console:", "console:stdout", "jsonl:", "jsonl:-")


@click.command(
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
  edgenets run forecast mqtt://broker/meter --sink mqtt://broker/foreseen

Sources of sound: mic:default, mic:NAME, a file, a folder of them, - (raw PCM on stdin),
null:SECONDS. Sources of pictures: camera:0, csi:0, rtsp://…, http://… (MJPEG), a video, a picture,
a folder or glob, null:?seconds=10; several may be given. Sources of text: a file, or - (stdin), a
text a line. Sources of readings: a table of CSV or JSON lines, -, mqtt://HOST/TOPIC. Sinks:
console:, jsonl:PATH, jsonl:-, mqtt://HOST/TOPIC, http://…, and for pictures video:PATH, frames:DIR,
web:PORT. Ctrl-C ends a run with its summary."""
)
@click.argument("bundle", type=BundleName())
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--sink", "sinks", multiple=True, metavar="URI", help="May be given several times.")
@click.option("--backend", type=click.Choice(BACKENDS), help="Take no other backend.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Take no other precision.")
@click.option(
    "--threads", type=click.IntRange(1, 256), help="[default: as `edgenets choose` found, or 1]"
)
@click.option("--threshold", "thresholds", multiple=True, metavar="[WORD=]X", help="0…1.")
@click.option("--seconds", type=Seconds(0, min_open=True), help="End after this long.")
@click.option(
    "--scene", type=_File,
    help="TOML of zones, lines and labels to tell of; pictures alone.",
)  # fmt: skip
@click.option("--words", type=_File, help="Nothing else is said: a word a line; speech alone.")
@click.option(
    "--text", type=_File, help="What is likely to be said: an n-gram of it; speech alone."
)
@click.option("--prompt", help="What to go on from; language alone, as all that follow.")
@click.option("--tokens", type=click.IntRange(1), help="To write.  [default: 500]")
@click.option("--temperature", type=float, help="0: always the likeliest token.")
@click.option("--top-k", type=click.IntRange(0), help="Of so many of the likeliest.")
@click.option("--top-p", type=float, help="Of the fewest that come to this probability.")
@click.option("--seed", type=click.IntRange(0), help="The same seed writes the same text.")
@click.option(
    "--suggestions", type=click.IntRange(1, 100), help="Words after each line.  [default: 3]"
)
@click.option(
    "--every", type=click.IntRange(1),
    help="Tell of every so many readings.  [default: 1; of a file, of the last alone]",
)  # fmt: skip
@click.option(
    "--beam", type=click.IntRange(1, 1000),
    help="Translations to keep in mind; 1 is the fastest.  [default: the model's]",
)  # fmt: skip
@json_option
def command(
    bundle: str, sources: tuple[str, ...], sinks: tuple[str, ...], backend: str | None,
    precision: Any, threads: int | None, thresholds: tuple[str, ...], as_json: bool, **wishes: Any,
) -> None:  # fmt: skip
    """Run a bundle on microphones, cameras, texts, files or streams.

    BUNDLE is an .edge file or the name of a shipped one; SOURCE is where sound, pictures or lines
    come from: mic:default, camera:0 or standard input, if none is given.
    """
    from edgenets import zoo
    from edgenets.cli.running import Wishes, made
    from edgenets.cli.summaries import sentence
    from edgenets.runtime.load import load
    from edgenets.runtime.vitals import telling
    from edgenets.selection import Request, select

    if as_json and any(sink in ON_STDOUT for sink in sinks):
        raise click.UsageError("with --json stdout holds the summary alone; give a sink elsewhere")
    opened = zoo.load(bundle)
    spec = _with_thresholds(opened.spec, thresholds)
    selected = select(opened, Request(backend, precision, threads))
    session = load(opened, selected)
    run, doing = made(opened, session, spec, Wishes(sources, **wishes))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, _: Any) -> None:
        run.stop()
        signal.signal(number, before[signal.Signals(number)])  # a second one does not ask

    for number in before:
        signal.signal(number, stop)
    click.echo(
        f"{spec.name} · {selected.artifact.form} on {session.runs_on}: {selected.reason}", err=True
    )
    told = f" for: {several(spec.told)}" if spec.told else ""
    click.echo(f"{doing} {run.source_name}{told}", err=True)
    try:
        default = "console:stderr" if as_json else "console:"
        with telling(run):
            summary = run.deliver(sinks or (default,), lambda text: click.echo(text, err=True))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if as_json:
        emit(summary.plain())
    else:
        click.echo(sentence(summary), err=True)


def _with_thresholds(spec: Any, texts: tuple[str, ...]) -> Any:
    """The spec with the thresholds that were given."""
    for text in texts:
        label, equals, number = text.rpartition("=")
        try:
            value = float(number)
            spec = spec.with_threshold(label, value) if equals else spec.with_thresholds(value)
        except ValueError as exc:
            raise click.BadParameter(f"{text}: {exc}", param_hint="--threshold") from exc
    return spec
