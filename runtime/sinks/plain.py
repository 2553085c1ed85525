"""Events as plain data, as JSON has them: one form for files, brokers, webhooks and pages."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.events import (
    Classified,
    Event,
    Forecast,
    Remark,
    Result,
    Seen,
    Suggested,
    Surprising,
    Transcript,
    Translation,
    Written,
)
from edgenets.vision.results import Found


@singledispatch
def plain(event: Event) -> dict[str, Any]:
    """An event; its field `event` says its kind."""
    raise NotImplementedError(type(event).__name__)


@plain.register
def _(event: Result) -> dict[str, Any]:
    return {
        "event": "detection", "source": event.source, "word": event.label,
        "score": round(event.score, 4), "time": round(event.time, 3),
        "age_ms": round(1e3 * event.age, 2),
    }  # fmt: skip


@plain.register
def _(event: Transcript) -> dict[str, Any]:
    return {
        "event": "transcript" if event.final else "partial", "source": event.source,
        "text": event.text, "start": round(event.start, 3), "end": round(event.end, 3),
        "time": round(event.time, 3), "age_ms": round(1e3 * event.age, 2),
    }  # fmt: skip


@plain.register
def _(event: Seen) -> dict[str, Any]:
    return _seen(event)


@plain.register
def _(event: Classified) -> dict[str, Any]:
    return {
        "event": "text", "source": event.source, "line": event.line, "text": event.text,
        "label": event.label, "score": round(event.score, 4),
        "scores": {label: round(score, 4) for label, score in event.scores.items()},
        "tokens": event.tokens, "unknown": event.unknown, "time": round(event.time, 3),
        "age_ms": round(1e3 * event.age, 2),
    }  # fmt: skip


@plain.register
def _(event: Written) -> dict[str, Any]:
    return {
        "event": "token", "source": event.source, "text": event.text, "number": event.number,
        "probability": round(event.probability, 4), "time": round(event.time, 3),
    }  # fmt: skip


@plain.register
def _(event: Suggested) -> dict[str, Any]:
    return {
        "event": "suggestions", "source": event.source, "line": event.line, "text": event.text,
        "words": [{"word": w, "probability": round(p, 4)} for w, p in event.words],
        "time": round(event.time, 3), "age_ms": round(1e3 * event.age, 2),
    }  # fmt: skip


@plain.register
def _(event: Surprising) -> dict[str, Any]:
    return {
        "event": "anomaly" if event.alarm else "reading", "source": event.source,
        "line": event.line, "column": event.column, "value": event.value,
        "expected": float(f"{event.expected:.6g}"), "surprise": round(event.surprise, 4),
        "stamp": event.stamp, "time": round(event.time, 3),
        "age_ms": round(1e3 * event.age, 2),
    }  # fmt: skip


@plain.register
def _(event: Forecast) -> dict[str, Any]:
    return _forecast(event)


@plain.register
def _(event: Translation) -> dict[str, Any]:
    return {
        "event": "translation", "source": event.source, "line": event.line, "text": event.text,
        "translation": event.translation, "probability": round(event.probability, 4),
        "whole": event.whole, "pieces": event.pieces, "unknown": event.unknown,
        "time": round(event.time, 3), "age_ms": round(1e3 * event.age, 2),
    }  # fmt: skip


@plain.register
def _(event: Remark) -> dict[str, Any]:
    return {
        "event": event.kind, "source": event.source, "text": event.text,
        "time": round(event.time, 3),
    }  # fmt: skip


def _forecast(event: Forecast) -> dict[str, Any]:
    parts = {"median": event.median, "low": event.low, "high": event.high}
    columns = {
        name: {part: _digits(v[:, i]) for part, v in parts.items() if v is not None}
        for i, name in enumerate(event.columns)
    }
    return {
        "event": "forecast", "source": event.source, "line": event.line,
        "readings": event.readings, "stamp": event.stamp, "interval": event.interval,
        "columns": columns, "time": round(event.time, 3), "age_ms": round(1e3 * event.age, 2),
    }  # fmt: skip


def _digits(values: NDArray[np.float64]) -> list[float]:
    """Six digits: more than any forecast is good for."""
    return [float(f"{value:.6g}") for value in values]


def _seen(event: Seen) -> dict[str, Any]:
    found = [_found(thing) for thing in event.found]
    for thing, zones in zip(found, event.zones, strict=False):
        thing["zones"] = list(zones)
    line: dict[str, Any] = {
        "event": "seen", "source": event.source, "frame": event.frame,
        "time": round(event.time, 3), "age_ms": round(1e3 * event.age, 2), "found": found,
    }  # fmt: skip
    if event.path is not None:
        line["path"] = str(event.path)
    if event.crossings:
        line["crossings"] = [vars(crossing) for crossing in event.crossings]
    return line


def _found(thing: Found) -> dict[str, Any]:
    line: dict[str, Any] = {"label": thing.label, "score": round(thing.score, 4)}
    if thing.box is not None:
        line["box"] = [round(v, 1) for v in thing.box]
    if thing.area is not None:
        line["area"] = round(thing.area, 5)
    if thing.track is not None:
        line["track"] = thing.track
    return line
