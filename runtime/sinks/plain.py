"""Events as plain data, as JSON has them: one form for files, brokers, webhooks and pages."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.events import (
    Anomaly,
    Classified,
    Event,
    Forecast,
    Notice,
    Result,
    Seen,
    Suggested,
    Transcript,
    Translation,
    Written,
)
from edgenets.tasks.vision.results import Found


@singledispatch
def plain(event: Event) -> dict[str, Any]:
    """An event; its field `event` says its kind."""
    raise NotImplementedError(type(event).__name__)


def _line(kind: str, event: Any, **fields: Any) -> dict[str, Any]:
    """What all events have, around what one has of its own."""
    plain = {"event": kind, "source": event.source, **fields, "time": round(event.time, 3)}
    if hasattr(event, "age"):
        plain["age_ms"] = round(1e3 * event.age, 2)
    return plain


@plain.register
def _(event: Result) -> dict[str, Any]:
    return _line("detection", event, word=event.label, score=round(event.score, 4))


@plain.register
def _(event: Transcript) -> dict[str, Any]:
    return _line(
        "transcript" if event.final else "partial", event, text=event.text,
        start=round(event.start, 3), end=round(event.end, 3),
    )  # fmt: skip


@plain.register
def _(event: Classified) -> dict[str, Any]:
    return _line(
        "text", event, line=event.line, text=event.text, label=event.label,
        score=round(event.score, 4),
        scores={label: round(score, 4) for label, score in event.scores.items()},
        tokens=event.tokens, unknown=event.unknown,
    )  # fmt: skip


@plain.register
def _(event: Written) -> dict[str, Any]:
    return _line(
        "token", event, text=event.text, number=event.number,
        probability=round(event.probability, 4),
    )  # fmt: skip


@plain.register
def _(event: Suggested) -> dict[str, Any]:
    words = [{"word": w, "probability": round(p, 4)} for w, p in event.words]
    return _line("suggestions", event, line=event.line, text=event.text, words=words)


@plain.register
def _(event: Anomaly) -> dict[str, Any]:
    return _line(
        "anomaly" if event.alarm else "reading", event, line=event.line, column=event.column,
        value=event.value, expected=float(f"{event.expected:.6g}"),
        anomaly_score=round(event.anomaly_score, 4), stamp=event.stamp,
        surprise=round(event.anomaly_score, 4),  # as earlier versions call it
    )  # fmt: skip


@plain.register
def _(event: Translation) -> dict[str, Any]:
    return _line(
        "translation", event, line=event.line, text=event.text, translation=event.translation,
        probability=round(event.probability, 4), whole=event.whole, tokens=event.tokens,
        unknown=event.unknown, pieces=event.tokens,  # as earlier versions call them
    )  # fmt: skip


@plain.register
def _(event: Notice) -> dict[str, Any]:
    return _line(event.kind, event, text=event.text)


@plain.register
def _(event: Forecast) -> dict[str, Any]:
    parts = {"median": event.median, "low": event.low, "high": event.high}
    columns = {
        name: {part: _digits(v[:, i]) for part, v in parts.items() if v is not None}
        for i, name in enumerate(event.columns)
    }
    return _line(
        "forecast", event, line=event.line, readings=event.readings, stamp=event.stamp,
        interval=event.interval, columns=columns,
    )  # fmt: skip


def _digits(values: NDArray[np.float64]) -> list[float]:
    """Six digits: more than any forecast is good for."""
    return [float(f"{value:.6g}") for value in values]


@plain.register
def _(event: Seen) -> dict[str, Any]:
    found = [_found(thing) for thing in event.found]
    for thing, zones in zip(found, event.zones, strict=False):
        thing["zones"] = list(zones)
    line = {**_line("seen", event, frame=event.frame), "found": found}
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
