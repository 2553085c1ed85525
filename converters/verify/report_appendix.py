"""The report's sections beside the gate: times, layers, mixed precision, boards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgenets.artifact import PRECISIONS, Precision
from edgenets.findings import Level
from edgenets.metrics import Metric, metric_of
from edgenets.training.figures import INK, finish, new_figure

from .appendix import Appendix
from .mixed_precision import LIMITS, LayerError, Repair, left_at
from .report import COLORS, Section, to_svg, within_all
from .verdicts import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKS: dict[Level, str] = {"well": "✓", "note": "·", "stop": "✗"}

# Lines in one image that can still be distinguished.
_MOST_LINES = 6


@dataclass(frozen=True)
class Point:
    """An artifact in an image of the metric over time."""

    format: str  # its color
    label: str  # beside it
    us: float
    metric: float
    front: bool  # whether it is filled, and the line goes through it


def pareto(points: Sequence[Point], metric: Metric, time: str) -> Figure:
    """A task's metric over time, and the line of those that none beats in everything."""
    figure = new_figure(7.2, 3.6)
    axes = figure.subplots()
    scale = 100 if metric.share else 1
    line = sorted((p.us, scale * p.metric) for p in points if p.front)
    axes.plot([x for x, _ in line], [y for _, y in line], color=INK, lw=0.8, ls="--", zorder=1)
    for number, p in enumerate(points):
        place, color = (p.us, scale * p.metric), COLORS.get(p.format, INK)
        face = color if p.front else "white"
        axes.scatter(*place, s=44, zorder=3, edgecolor=color, facecolor=face)
        axes.annotate(
            p.label, place, xytext=(0, 8 if number % 2 else -14), fontsize=7, color=color,
            textcoords="offset points", ha="center",
        )  # fmt: skip
    for name in dict.fromkeys(p.format for p in points):
        axes.scatter([], [], color=COLORS.get(name, INK), label=name)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.xaxis.set_minor_formatter(lambda x, _: f"{x:g}")
    axes.margins(x=0.12, y=0.3)
    within_all(axes, metric.share)
    finish(axes, time, f"{metric.name}, %" if metric.share else metric.name)
    return figure


def sections(report: Report, beside: Appendix) -> list[Section]:
    """All that there is something to say of."""
    return list(_sections(report, beside))


def _sections(report: Report, beside: Appendix) -> Iterator[Section]:
    if beside.step_us:
        yield _times(report, beside)
    yield from (_mixed_precision(one, report) for one in beside.repairs)
    if beside.layers:
        yield _layers(beside)
    for board, checked in beside.boards.items():
        rows = tuple(
            ("" if number else one.id, _MARKS[f.level], f.about, f.text)
            for one in checked
            for number, f in enumerate(one.findings)
        )
        well = ", ".join(one.id for one in checked if one.well) or "nothing"
        text = f"Read from the files, and so a prediction. Nothing would stop: {well}."
        columns = ("artifact", "", "about", "what is expected")
        yield Section(board, text, "", columns, rows, "artifact by artifact", True, folded=True)


def _times(report: Report, beside: Appendix) -> Section:
    front, shown = beside.front(report), metric_of(report.metric).shown
    rows = tuple(
        (
            v.id,
            f"{beside.step_us[v.id]:,.1f} µs",
            f"{v.size:,}",
            shown(v.metric),
            "●" if v.id in front else "",
        )
        for v in report.verdicts
        if v.id in beside.step_us
    )
    text = (
        f"Median of a call on one thread of {beside.machine}, with a state where there is one and "
        f"without features or preprocessing; `edgenets bench` measures more, on the board that "
        f"matters. ● and the line: no other that passed is better in time, size and "
        f"{report.metric} alike."
    )
    columns = ("artifact", "a call", "bytes", report.metric, "front")
    svg = to_svg(_pareto(report, beside, front))
    return Section("Time", text, svg, columns, rows, "artifact by artifact", True)


def _pareto(report: Report, beside: Appendix, front: set[str]) -> Figure:
    metric = metric_of(report.metric)
    return pareto(
        [
            Point(v.format, v.precision, beside.step_us[v.id], v.metric, v.id in front)
            for v in report.verdicts
            if v.id in beside.step_us and not v.error
        ],
        metric,
        "a call, µs",
    )


def _layers(beside: Appendix) -> Section:
    rows = tuple(
        (id, one.layer, f"{100 * one.error:.2f} %")
        for id, errors in beside.layers.items()
        for one in errors
    )
    mixed = {r.id for r in beside.repairs if r.kept}
    left = [
        f"{id} left its model at {layer} with all layers in integers"
        if id in mixed
        else f"{id} leaves its model at {layer}"
        for id, errors in beside.layers.items()
        if (layer := left_at(errors, _precision(id)))
    ]
    text = (
        "Relative RMS error: root mean square of the difference over that of the model's own, "
        "layer after layer, for the same items. "
        f"{'; '.join(left) or 'None is beyond what rounding alone does'}."
    )
    columns = ("artifact", "layer", "relative RMS error")
    svg = to_svg(_lines(beside))
    return Section("Layer by layer", text, svg, columns, rows, "every layer", True)


def _lines(beside: Appendix) -> Figure:
    figure = new_figure(7.2, 3.4)
    axes = figure.subplots()
    chosen: Sequence[tuple[str, tuple[LayerError, ...]]] = list(beside.layers.items())[:_MOST_LINES]
    longest = max((errors for _, errors in chosen), key=len, default=())
    names = [e.layer for e in longest]
    for id, errors in chosen:
        places = [names.index(e.layer) if e.layer in names else i for i, e in enumerate(errors)]
        values = [max(100 * e.error, 1e-4) for e in errors]
        style = "-" if "int8" in id else ":"
        axes.plot(places, values, style, marker="o", ms=3, label=id,
                  color=COLORS[id.partition("-")[0]], lw=1.2)  # fmt: skip
    axes.axhline(100 * LIMITS["int8"], color=INK, lw=0.8, ls="--")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    finish(axes, "", "relative RMS error, %")
    return figure


def _mixed_precision(repair: Repair, report: Report) -> Section:
    """What was tried for one artifact, and what it came to."""
    where = f"It left its model at {repair.first}" if repair.first else "It left it at no one layer"
    shown = metric_of(report.metric).shown
    if repair.why:
        return Section(f"{repair.id}, no mixed precision", repair.why, last=True)
    came = "does not pass"
    if repair.passed:
        came = f"passes with {', '.join(repair.kept)} in float" if repair.kept else "passes anew"
    rows = tuple(
        (
            ", ".join(one.kept) or "none",
            shown(one.metric),
            f"{one.bytes:,}",
            "–" if one.step_us is None else f"{one.step_us:.1f} µs",
            "passed" if one.passed else "failed",
        )
        for one in repair.tries
    )
    columns = ("layers in float", report.metric, "bytes", "a call", "gate")
    text = f"{where}; it {came}."
    return Section(f"{repair.id}, mixed precision", text, "", columns, rows, "try by try", True)


def _precision(id: str) -> Precision:
    return next(p for p in PRECISIONS if p in id.split("-"))
