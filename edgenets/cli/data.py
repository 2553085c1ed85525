"""`edgenets data`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.options import AnyPath, emit, json_option, table

if TYPE_CHECKING:
    from edgenets.api import Checked

# Items of a finding on a terminal; --json and the page have more.
_SHOWN = 3


@click.group(
    epilog="""\b
Examples:
  edgenets data check photos
  edgenets data check photos/data.yaml --task segment --html photos.html
  edgenets data check recordings --task keywords --json"""
)
def command() -> None:
    """Look at sets of images, recordings, texts and tables before training."""


@command.command()
@click.argument("data", type=AnyPath)
@click.option("--task", help="What it is for.  [default: the first that can read it]")
@click.option("--html", "page", type=AnyPath, help="Write a page with a contact sheet.")
@json_option
@click.pass_context
def check(
    ctx: click.Context, data: Path, task: str | None, page: Path | None, as_json: bool
) -> None:
    """Say what a set holds and what is wrong with it: labels, faults, doubles, leaks.

    Exit code 2 where something should be put right before training.
    """
    from edgenets import api, progress, records

    found = api.check_data(data, task, page=page, progress=progress.for_stderr())
    if as_json:
        findings = [{**records.to_plain(one), "severe": one.severe} for one in found.findings]
        emit(
            {
                "task": found.task,
                "layout": found.survey.layout,
                found.survey.unit: len(found.survey.items),
                "counts": found.survey.counts(),
                "notes": list(found.survey.notes),
                "findings": findings,
                "passed": found.passed,
            }
        )
    else:
        _show(data, found, page)
    ctx.exit(0 if found.passed else 2)


def _show(data: Path, found: Checked, page: Path | None) -> None:
    survey, counts = found.survey, found.survey.counts()
    click.echo(
        f"{data}: {len(survey.items):,} {survey.unit}, read as {found.task}, {survey.layout}"
    )
    for note in survey.notes:
        click.echo(f"  {note}")
    if counts:
        rows = [
            (label, *(f"{own.get(split, 0):,}" for split in survey.splits))
            for label, own in counts.items()
        ]
        table("Labels", ("label", *survey.splits), rows)
    for one in found.findings:
        click.echo(f"{'!' if one.severe else '-'} {one.text}")
        for item in one.items[:_SHOWN]:
            click.echo(f"    {item}")
    if page is not None:
        click.echo(f"Page: {page}")
    last = "Nothing stands against training." if found.passed else "Put right what has a ! first."
    click.echo(last)
