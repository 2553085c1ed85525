"""The verification report as one HTML page: self-contained, light, readable years later."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgenets import __version__
from edgenets.extras import require
from edgenets.files import Json, replacing
from edgenets.metrics import metric_of
from edgenets.runs import Run
from edgenets.stepspec import StreamSpec
from edgenets.tasks import task_of
from edgenets.training.figures import BLUE, INK, ORANGE, finish, new_figure

from ..formats import Written
from .verdicts import Report, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HERE = Path(__file__).parent

COLORS = {"tflite": ORANGE, "onnx": BLUE, "openvino": "#7c3aed", "edgetpu": "#0f7b3f"}
_HEIGHTS = {"tflite": 8, "onnx": -14, "openvino": 20, "edgetpu": 32}  # points


@dataclass(frozen=True)
class Section:
    """A part of the page that another stage adds: an image and a table."""

    title: str
    text: str
    svg: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    summary: str = "word by word"  # of the table, where it is folded
    last: bool = False  # whether it comes at the end
    folded: bool = False  # whether the table is, where there is no image


def page(report: Report, run: Run, extra: Sequence[Section] = ()) -> str:
    """The page of one model that was trained here.

    Args:
        extra: sections to put before the verification, such as a demonstration.

    Raises:
        MissingExtra: jinja2 or matplotlib is not installed.
    """
    return _rendered(
        report, extra, facts=_facts(report, run), about=run.recipe.description,
        made_of=f"recipe {run.recipe.name}, seed {run.recipe.seed}", kind="Keras model",
        confusion=_svg(_confusion(run)) if "confusion" in run.metrics[run.judged] else "",
        judged=run.judged,
        streams=isinstance(run.spec, StreamSpec), trained=True,
    )  # fmt: skip


def page_of_file(
    report: Report, source: Path, written: Sequence[Written], extra: Sequence[Section] = ()
) -> str:
    """The page of a model that was brought as a file; arguments and errors as `page`."""
    shown = metric_of(report.metric).shown
    facts = [] if report.metric == "agreement" else [(shown(report.reference), report.metric)]
    facts.append((f"{report.items:,}", report.kind))
    return _rendered(
        report, [routes(written), *_compiled(report), *extra], facts=facts,
        about=f"{source.name}, as it was brought", made_of=source.name,
        kind="model in its own library", confusion="", trained=False,
        streams=any(v.stream_steps for v in report.verdicts),
    )  # fmt: skip


def routes(written: Sequence[Written]) -> Section:
    """Which converters each artifact came along."""
    rows = tuple(
        (w.artifact.id, " → ".join(w.route) or "as it came", w.artifact.note) for w in written
    )
    text = "Which converters each artifact came along."
    columns = ("artifact", "route", "")
    return Section("Routes", text, "", columns, rows, "artifact by artifact", True, folded=True)


def _compiled(report: Report) -> list[Section]:
    """What compilers of accelerators said."""
    sections = []
    for one in report.compiled:
        text = f"{one.said}. Not run here: {one.why}"
        columns = ("operator", "count", "what the compiler says")
        sections.append(
            Section(one.id, text, "", columns, one.operators, "operator by operator", True)
        )
    return sections


def _rendered(report: Report, extra: Sequence[Section], **about: Any) -> str:
    text: str = template(_HERE / "report.html").render(
        report=report, apart=report.metric != "agreement", extra=extra, version=__version__,
        sizes=_svg(_sizes(report)), errors=_svg(_errors(report)),
        percent=lambda x: f"{100 * x:.2f} %",
        shown=metric_of(report.metric).shown,
        figure=lambda x: "–" if x is None else f"{x:.2g}", **about,
    )  # fmt: skip
    return text


def template(path: Path) -> Any:
    """A page of HTML; it knows the `style` that all of them have."""
    jinja2 = require("jinja2")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(path.read_text(encoding="utf-8"))
    page.globals["style"] = jinja2.utils.markupsafe.Markup(
        (_HERE / "page.css").read_text(encoding="utf-8")
    )
    return page


def _facts(report: Report, run: Run) -> list[tuple[str, str]]:
    """The figures at the top: each with what it is."""
    (count, kind), found = run.test_size, run.metrics[run.judged]
    figure = metric_of(run.metric).shown(found[run.metric])
    facts = [(figure, f"{run.judged} {run.metric}, float Keras, {count:,} {kind}")]
    if hours := found.get("hours"):
        low, high = found["per_hour_95"]
        bounds = f"in {hours:.1f} h of streams, 95 %: {low:.1f} to {high:.1f}"
        accepts = f"false accepts an hour, float Keras, {bounds}"
        facts += [
            (f"{found['per_hour']:.1f}", accepts),
            (f"{found['recall']:.1%}", "recall of words in these streams"),
        ]
    facts.append((f"{run.metrics['parameters']:,}", "parameters"))
    facts += task_of(run.spec.task).facts(run)
    return [*facts, (str(len(report.labels)), "classes")] if report.labels else facts


def write(path: Path, report: Report, run: Run, extra: Sequence[Section] = ()) -> None:
    """Write the page to a file."""
    with replacing(path) as beside:
        beside.write_text(page(report, run, extra), encoding="utf-8")


def to_svg(figure: Figure) -> str:
    """A figure as an inline SVG element."""
    return _svg(figure)


def _svg(figure: Figure) -> str:
    require("matplotlib")
    import matplotlib

    # The salt makes ids, and with them the file, the same every time; text stays text.
    with matplotlib.rc_context({"svg.hashsalt": "edgenets", "svg.fonttype": "none"}):
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True)
    text = out.getvalue()
    return text[text.index("<svg") :]


def _sizes(report: Report) -> Figure:
    figure = new_figure(5.4, 3.4)
    axes = figure.subplots()
    share = metric_of(report.metric).share
    scale = 100 if share else 1
    forms: dict[tuple[str, str], list[Verdict]] = {}  # of a model of several networks one of each
    for v in report.verdicts:
        if not v.error:
            forms.setdefault((v.format, v.precision), []).append(v)
    for (format, precision), parts in forms.items():
        place = sum(v.size for v in parts) / 1024, scale * parts[0].metric
        axes.scatter(*place, color=COLORS[format], s=42, zorder=3)
        # Formats of one size lie close to each other: each has its own height for its names.
        axes.annotate(
            precision, place, xytext=(0, _HEIGHTS[format]), textcoords="offset points", fontsize=7,
            color=COLORS[format], ha="center",
        )  # fmt: skip
    axes.axhline(scale * report.reference, color=INK, lw=1, ls=":", label="float model")
    for name in dict.fromkeys(v.format for v in report.verdicts):
        axes.scatter([], [], color=COLORS[name], label=name)
    axes.margins(x=0.15, y=0.3)
    within_all(axes, share)
    finish(axes, "size, kB", f"{report.metric}, %" if share else report.metric)
    return figure


def within_all(axes: Axes, share: bool) -> None:
    """Let an axis of shares, in percent, not go on beyond all of them."""
    if share:
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -4), min(high, 104))
        axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= min(high, 100)])


def _errors(report: Report) -> Figure:
    good = [v for v in report.verdicts if v.max_error is not None]
    streams = any(v.stream_steps for v in good)
    figure = new_figure(5.4, 0.26 * len(good) + 1.0)
    axes = figure.subplots()
    places = np.arange(len(good))
    bars = ((-0.2, "max_error", 1.0), (0.2, "stream_error", 0.45))
    for offset, name, alpha in bars if streams else bars[:1]:
        values = [max(getattr(v, name) or 0.0, 1e-9) for v in good]
        colors = [COLORS[v.format] for v in good]
        axes.barh(places + offset, values, 0.38, color=colors, alpha=alpha)
    axes.set_xscale("log")
    axes.set_yticks(places, [v.id for v in good], fontsize=8)
    axes.invert_yaxis()
    what = "largest logit error: clips (solid), long stream (pale)"
    finish(axes, what if streams else "largest error of any output", legend=False)
    return figure


def _confusion(run: Run) -> Figure:
    matrix = np.array(run.metrics[run.judged]["confusion"])
    labels = run.spec.labels
    figure = new_figure(0.36 * len(labels) + 1.6, 0.33 * len(labels) + 1.3)
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            color = "white" if share[row, column] > 0.5 else INK
            axes.text(column, row, str(count), ha="center", va="center", fontsize=6, color=color)
    axes.set_xlabel("decided")
    axes.set_ylabel("the truth")
    return figure


def as_json(report: Report) -> Json:
    """The report for `--json`."""
    from edgenets import records

    plain: Json = json.loads(json.dumps(records.to_plain(report)))
    plain["passed"] = report.passed
    for verdict, found in zip(plain["verdicts"], report.verdicts, strict=True):
        verdict["passed"] = found.passed
    return plain
