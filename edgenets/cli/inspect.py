"""`edgenets inspect`."""

from __future__ import annotations

from typing import Any

import click

from edgenets.cli.options import BundleName, emit, json_option, several, size, table


@click.command(
    epilog="""\b
Examples:
  edgenets inspect kws-gru
  edgenets inspect mine.edge --card
  edgenets inspect mine.edge --json | jq .artefacts"""
)
@click.argument("bundle", type=BundleName())
@click.option("--card", is_flag=True, help="Print the model card.")
@json_option
def command(bundle: str, card: bool, as_json: bool) -> None:
    """Show what is in a bundle.

    Every member is held against its SHA-256.
    """
    from edgenets import choice, records, zoo

    opened = zoo.load(bundle)
    opened.check()
    if as_json:
        emit(records.to_plain(opened.manifest))
        return
    if card:
        click.echo(opened.card())
        return
    spec, verified = opened.spec, opened.verified()
    words = f"; {several(spec.told)}" if spec.told else ""
    click.echo(f"{spec.name}: {spec.task}{words}")
    click.echo(
        f"{_input(spec)} · {size(opened.path.stat().st_size)} · "
        f"licence {opened.manifest.licence} · {opened.manifest.made_by}"
    )
    rows = []
    for artefact in opened.artefacts:
        figure = verified.get(artefact.id)
        state = sum(link.input.elements for link in artefact.states)
        rows.append(
            (
                artefact.id, size(opened.size(artefact)),
                "–" if figure is None else opened.metric.shown(figure), str(len(artefact.states)),
                str(state), artefact.note,
            )
        )  # fmt: skip
    table("", ("artefact", "size", "verified", "states", "values", "note"), rows)
    if (chosen := choice.choice_of(opened)) is not None:
        click.echo(
            f"{chosen.id} was chosen on {chosen.machine}: p95 {chosen.p95_us / 1e3:.3g} ms "
            f"(limits: {chosen.limits})"
        )


def _input(spec: Any) -> str:
    """What the model takes, in words."""
    if spec.input.kind == "image":
        frame = spec.input
        return f"pictures of {frame.width} × {frame.height} {frame.colour}, by {frame.resize}"
    if spec.input.kind == "text":
        return f"text, as {len(spec.input.vocabulary):,} {spec.input.units}; a step each"
    if spec.input.kind == "pieces":
        languages = f"{spec.input.source}, to {spec.input.target}"
        return f"sentences in {languages}, as {spec.input.count:,} sub-words; a step each"
    if spec.input.kind == "habits":
        return "readings of any columns, one at a time; a step each"
    if spec.input.kind == "series":
        every = spec.input.interval
        often = "" if every is None else f", one every {every:g} s"
        return f"readings of {several(spec.input.columns)}{often}; {spec.input.segment} a step"
    return (
        f"sound at {spec.input.sample_rate:,} Hz, {spec.input.bands} mel bands; a step every "
        f"{1e3 * spec.step_seconds:.0f} ms"
    )
