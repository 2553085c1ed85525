"""What `choose` measured, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgenets import __version__
from edgenets.choice import Chosen, Limits, this_machine
from edgenets.files import replacing
from edgenets.metrics import Metric

from .verify.report import template, to_svg
from .verify.report_appendix import Point, pareto


def write(
    path: Path,
    name: str,
    metric: Metric,
    rows: Sequence[tuple[Any, str]],
    chosen: Chosen | None,
    limits: Limits,
) -> None:
    """Write the page, whole or not at all.

    Args:
        name: of the model.
        rows: candidates, as `edgenets.runtime.pick` has them, each with why it was taken or not.

    Raises:
        MissingExtra: jinja2 or matplotlib is not installed.
    """
    points = [
        Point(
            one.id.partition("-")[0], one.name.partition("-")[2], one.p95_us, one.metric, one.front
        )
        for one, _ in rows
        if one.metric is not None
    ]
    text = template(Path(__file__).with_name("choice.html")).render(
        name=name, metric=metric, rows=rows, chosen=chosen, limits=limits, version=__version__,
        machine=this_machine(), image=to_svg(pareto(points, metric, "p95, µs")) if points else "",
    )  # fmt: skip
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")
