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

Sources of sound: mic:default, mic:NAME, a file, a folder of them, - (raw PCM on stdin),
null:SECONDS. Sources of pictures: camera:0, csi:0, rtsp://…, http://… (MJPEG), a video, a picture,
a folder or glob, null:?seconds=10; several may be given. Sinks: console:, jsonl:PATH, jsonl:-,
and for pictures video:PATH, frames:DIR, mqtt://HOST/TOPIC, http://…, web:PORT. Ctrl-C ends a run
with its summary."""
)
@click.argument("bundle", type=BundleName())
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--sink", "sinks", multiple=True, metavar="URI", help="May be given several times.")
@click.option("--backend", type=click.Choice(BACKENDS), help="Take no other backend.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Take no other precision.")
@click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True)
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
@json_option
def command(
    bundle: str, sources: tuple[str, ...], sinks: tuple[str, ...], backend: str | None,
    precision: Any, threads: int, thresholds: tuple[str, ...], seconds: float | None,
    scene: Path | None, words: Path | None, text: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Run a bundle on microphones, cameras, files or streams.

    BUNDLE is an .edge file or the name of a shipped one; SOURCE is where sound or pictures come
    from: mic:default or camera:0, if none is given.
    """
    from edgenets import zoo
    from edgenets.backend import Options
    from edgenets.stages import stage

    if as_json and any(sink in ON_STDOUT for sink in sinks):
        raise click.UsageError("with --json stdout holds the summary alone; give a sink elsewhere")
    opened = zoo.load(bundle)
    spec = _with_thresholds(opened.spec, thresholds)
    choice = stage("choose")(opened, backend, precision)
    session = stage("load_session")(opened, choice, Options(threads=threads))
    if (words or text) and spec.task != "speech":
        raise click.UsageError("--words and --text are for models of speech")
    if spec.input.kind != "image":
        if len(sources) > 1 or scene is not None:
            raise click.UsageError("one source of sound, and no --scene, for a model of sound")
        source = sources[0] if sources else "mic:default"
        run = stage("run")(opened, session, source, spec=spec, seconds=seconds,
                           grammar=_grammar(words, text, spec))  # fmt: skip
    else:
        from edgenets.vision.zones import load_scene

        run = stage("watch")(
            opened, session, sources or ("camera:0",), spec=spec, seconds=seconds,
            scene=None if scene is None else load_scene(scene),
        )  # fmt: skip
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, _: Any) -> None:
        run.stop()
        signal.signal(number, before[signal.Signals(number)])  # a second one does not ask

    for number in before:
        signal.signal(number, stop)
    click.echo(
        f"{spec.name} · {choice.artefact.id} on {session.runs_on}: {choice.reason}", err=True
    )
    told = several(spec.told)
    doing = "looking at" if spec.input.kind == "image" else "listening to"
    click.echo(f"{doing} {run.source_name} for: {told}", err=True)
    try:
        default = "console:stderr" if as_json else "console:"
        with stage("telling")(run):
            summary = run.deliver(sinks or (default,), lambda text: click.echo(text, err=True))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if as_json:
        emit(summary.plain())
    else:
        click.echo(_sentence(summary), err=True)


def _grammar(words: Any, text: Any, spec: Any) -> Any:
    """What may be said, where that was given."""
    if words is None and text is None:
        return None
    if words is not None and text is not None:
        raise click.UsageError("--words or --text, not both")
    from edgenets.speech import grammar

    read = grammar.read_words if words else grammar.read_ngram
    return read(words or text, spec)


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


def _sentence(summary: Any) -> str:
    """What a run came to, in a line."""
    return _heard(summary) if hasattr(summary, "audio_seconds") else _seen(summary)


def _seen(summary: Any) -> str:
    things = ", ".join(f"{x} ×{n}" for x, n in sorted(summary.objects.items())) or "nothing"
    count = sum(summary.frames.values())
    parts = [f"saw {things} in {count:,} pictures"]
    if summary.rate is not None and count:
        parts.append(f"{summary.rate:.1f} a second")
        parts.append(f"{1e3 * summary.cpu_seconds / count:.1f} ms CPU each")
    if summary.age_ms_p95 is not None:
        parts.append(f"age p50 {summary.age_ms_p50:.0f} ms, p95 {summary.age_ms_p95:.0f} ms")
    parts += [f"{name} ×{n}" for name, n in sorted(summary.crossings.items())]
    parts += [f"{kind} ×{n}" for kind, n in sorted(summary.remarks.items())]
    parts += [f"{n:,} passed over ({cause})" for cause, n in sorted(summary.dropped.items())]
    if summary.sink_failures:
        parts.append(f"{summary.sink_failures} results not delivered")
    return " · ".join(parts)


def _heard(summary: Any) -> str:
    words = ", ".join(f"{w} ×{n}" for w, n in sorted(summary.detections.items()))
    if summary.utterances:
        words = f"{summary.utterances} utterance{'s' if summary.utterances > 1 else ''}"
    words = words or "nothing"
    parts = [f"heard {words} in {summary.audio_seconds:.1f} s"]
    if summary.cpu_ms_per_audio_s is not None:
        parts.append(f"{summary.cpu_ms_per_audio_s:.2f} ms CPU a second of sound")
    if summary.age_ms_p95 is not None:
        parts.append(f"age p50 {summary.age_ms_p50:.0f} ms, p95 {summary.age_ms_p95:.0f} ms")
    parts += [f"{kind} ×{n}" for kind, n in sorted(summary.remarks.items())]
    if summary.samples_lost:
        parts.append(f"{summary.samples_lost:,} samples lost")
    if summary.sink_failures:
        parts.append(f"{summary.sink_failures} results not delivered")
    return " · ".join(parts)
