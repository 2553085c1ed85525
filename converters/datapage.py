"""What `data check` found, as a page with a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgenets import __version__
from edgenets.data.survey import Finding, Item, Survey
from edgenets.files import replacing

from .verify.report import template

# Items on the sheet, so many of each label first.
_SHEET = 120


def write(path: Path, name: str, task: str, survey: Survey, findings: Sequence[Finding]) -> None:
    """Write the page, whole or not at all.

    Args:
        name: of the set.
        task: that it was read for.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    page = template(Path(__file__).with_name("datapage.html")).render(
        name=name,
        task=task,
        survey=survey,
        findings=findings,
        severe=sum(one.severe for one in findings),
        counts=survey.counts(),
        splits=survey.splits,
        sheet=_sheet(survey),
        version=__version__,
    )
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")


def _sheet(survey: Survey) -> list[tuple[Item, str]]:
    """Items of every label in turn, with their previews."""
    if survey.preview is None:
        return []
    of: dict[str, list[int]] = {}
    for number, item in enumerate(survey.items):
        of.setdefault(", ".join(sorted(item.labels)), []).append(number)
    each = max(1, _SHEET // max(1, len(of)))
    chosen = [number for own in of.values() for number in own[:: max(1, len(own) // each)][:each]]
    return [(survey.items[number], survey.preview(number)) for number in sorted(chosen)[:_SHEET]]
