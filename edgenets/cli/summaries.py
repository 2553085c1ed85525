"""What a run came to, in a line for people."""

from __future__ import annotations

from functools import singledispatch

from edgenets.events import AnySummary, SeriesSummary, Summary, TextSummary, WatchSummary


@singledispatch
def sentence(summary: AnySummary) -> str:
    """The line."""
    raise NotImplementedError(type(summary).__name__)


@sentence.register
def _(summary: WatchSummary) -> str:
    things = ", ".join(f"{x} ×{n}" for x, n in sorted(summary.objects.items())) or "nothing"
    count = sum(summary.frames.values())
    parts = [f"saw {things} in {count:,} images"]
    if summary.rate is not None and count:
        parts.append(f"{summary.rate:.1f} a second")
        parts.append(f"{1e3 * summary.cpu_seconds / count:.1f} ms CPU each")
    parts += _ages(summary)
    parts += [f"{name} ×{n}" for name, n in sorted(summary.crossings.items())]
    parts += [f"{kind} ×{n}" for kind, n in sorted(summary.notices.items())]
    parts += [f"{n:,} passed over ({cause})" for cause, n in sorted(summary.dropped.items())]
    return " · ".join(parts + _undelivered(summary))


@sentence.register
def _(summary: Summary) -> str:
    words = ", ".join(f"{w} ×{n}" for w, n in sorted(summary.detections.items()))
    if summary.utterances:
        words = f"{summary.utterances} utterance{'s' if summary.utterances > 1 else ''}"
    parts = [f"heard {words or 'nothing'} in {summary.audio_seconds:.1f} s"]
    if summary.cpu_ms_per_audio_s is not None:
        parts.append(f"{summary.cpu_ms_per_audio_s:.2f} ms CPU a second of sound")
    parts += _ages(summary)
    parts += [f"{kind} ×{n}" for kind, n in sorted(summary.notices.items())]
    if summary.samples_lost:
        parts.append(f"{summary.samples_lost:,} samples lost")
    return " · ".join(parts + _undelivered(summary))


@sentence.register
def _(summary: TextSummary) -> str:
    if summary.text:
        parts = [f"wrote {len(summary.text):,} characters"]
    else:
        parts = [f"read {summary.texts:,} text{'s' if summary.texts != 1 else ''}"]
    parts += [f"{label} ×{n:,}" for label, n in sorted(summary.labels.items())]
    if summary.tokens_per_s:
        parts.append(f"{summary.tokens_per_s:,.0f} tokens a second of CPU")
    if summary.unknown:
        parts.append(f"{summary.unknown:,} of {summary.tokens:,} words unknown")
    parts += [f"{kind} ×{n}" for kind, n in sorted(summary.notices.items())]
    return " · ".join(parts + _undelivered(summary))


@sentence.register
def _(summary: SeriesSummary) -> str:
    parts = [f"read {summary.readings:,} readings, told of {summary.reported:,}"]
    parts += [f"{column}: {n:,} unusual" for column, n in sorted(summary.alarms.items())]
    if summary.cpu_us_per_reading is not None:
        parts.append(f"{summary.cpu_us_per_reading:,.0f} µs CPU a reading")
    parts += [f"{kind} ×{n:,}" for kind, n in sorted(summary.notices.items())]
    return " · ".join(parts + _undelivered(summary))


def _ages(summary: Summary | WatchSummary) -> list[str]:
    if summary.age_ms_p95 is None:
        return []
    return [f"age p50 {summary.age_ms_p50:.0f} ms, p95 {summary.age_ms_p95:.0f} ms"]


def _undelivered(summary: AnySummary) -> list[str]:
    if not summary.sink_failures:
        return []
    return [f"{summary.sink_failures} results not delivered"]
