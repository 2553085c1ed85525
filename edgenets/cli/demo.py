"""`edgenets demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.options import AnyPath, emit, json_option, size, table
from edgenets.cli.verify import show
from edgenets.files import Json

if TYPE_CHECKING:
    from edgenets.demo import Demo, Hearing
    from edgenets.demo_camera import Watched


@click.command(
    epilog="""\b
Examples:
  edgenets demo
  edgenets demo lights music stop
  edgenets demo "open door" "close door" --out doors

Nothing is downloaded: espeak-ng and hibari say the words."""
)
@click.argument("words", nargs=-1)
@click.option("--out", type=AnyPath, default="demo-out", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@json_option
@click.pass_context
def command(
    ctx: click.Context, words: tuple[str, ...], out: Path, seed: int, as_json: bool
) -> None:
    """Train, convert, verify and run keywords of your choice, in minutes.

    Synthesizes WORDS, trains a network on them, quantizes and converts it to three formats, proves
    each artifact, packs a bundle, and spots the words in a stream.
    """
    from edgenets import progress
    from edgenets.demo import demo

    found = demo(words or ("lights", "music", "stop"), out, seed, progress.for_stderr())
    if as_json:
        emit(
            {
                "bundle": str(found.bundle),
                "report": str(found.report),
                "seconds": round(found.seconds, 1),
                "test_accuracy": found.test_accuracy,
                "streams": found.streams,
                "passed": found.verification.passed,
                "heard": _plain(found.hearing),
                "shipped": None if found.shipped is None else _plain(found.shipped),
                "watched": None if found.watched is None else found.watched.summary.plain(),
            }
        )
    else:
        _show(found)
    ctx.exit(0 if found.verification.passed else 1)


def _plain(hearing: Hearing) -> Json:
    found = hearing.score
    return {
        "artifact": hearing.artifact,
        "said": len(found.matches),
        "hits": found.hits,
        "false_alarms": len(found.false_alarms),
        "seconds": round(found.seconds, 1),
        "cpu_ms_per_audio_s": hearing.cpu_ms_per_audio_s,
    }


def _show(found: Demo) -> None:
    show(found.verification)
    rows = [
        (
            m.spoken.label,
            f"{m.spoken.start:.2f} s",
            "missed" if m.heard is None else f"{m.heard.time:.2f} s",
            "" if m.heard is None else f"{m.heard.score:.2f}",
            "" if m.latency is None else f"{1e3 * m.latency:+.0f} ms",
        )
        for m in found.hearing.score.matches
    ]
    table("The stream", ("word", "said at", "heard at", "score", "after its end"), rows)
    hearings = [("new", found.hearing)]
    if found.shipped is not None:
        hearings.insert(0, ("shipped", found.shipped))
    lines = [
        (
            name,
            Path(h.bundle).name,
            h.artifact,
            f"{h.score.hits} of {len(h.score.matches)}",
            str(len(h.score.false_alarms)),
            f"{h.score.seconds:.0f} s",
            f"{h.cpu_ms_per_audio_s:.2f} ms",
        )
        for name, h in hearings
    ]
    columns = ("", "bundle", "artifact", "heard", "false alarms", "of sound", "CPU a second")
    table("Heard", columns, lines)
    if found.watched is not None:
        _show_watched(found.watched)
    click.echo(
        f"Among other sentences: {found.streams}\n"
        f"Done in {found.seconds:.0f} s.\n"
        f"  bundle  {found.bundle} ({size(found.bundle.stat().st_size)})\n"
        f"  report  {found.report}\n"
        f"  listen  edgenets run {found.bundle} mic:default\n"
        f"  watch   edgenets run object-detect demo:smear --sink web:8080"
    )


def _show_watched(watched: Watched) -> None:
    summary = watched.summary
    count = sum(summary.frames.values())
    found = ", ".join(f"{n} {label}" for label, n in sorted(summary.objects.items()))
    table(
        "Watched, over the network and live",
        ("bundle", "artifact", "images", "a second", "age p50", "p95", "CPU each", "followed"),
        [
            (
                watched.bundle, watched.artifact, str(count), f"{summary.rate:.1f}",
                f"{summary.age_ms_p50:.1f} ms", f"{summary.age_ms_p95:.1f} ms",
                f"{1e3 * summary.cpu_seconds / max(1, count):.1f} ms", found or "nothing",
            )
        ],
    )  # fmt: skip
