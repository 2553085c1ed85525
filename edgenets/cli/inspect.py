"""`edgenets inspect`."""

from __future__ import annotations

import click

from edgenets.cli.options import BundleName, emit, json_option, several, size, table


@click.command(
    epilog="""\b
Examples:
  edgenets inspect kws-gru
  edgenets inspect mine.edge --card
  edgenets inspect mine.edge --json | jq .artifacts"""
)
@click.argument("bundle", type=BundleName())
@click.option("--card", is_flag=True, help="Print the model card.")
@json_option
def command(bundle: str, card: bool, as_json: bool) -> None:
    """Show what is in a bundle.

    Every member is held against its SHA-256.
    """
    from edgenets import choice, records, zoo
    from edgenets.tasks import task_of

    opened = zoo.load(bundle)
    opened.check()
    if as_json:
        emit(records.to_plain(opened.manifest))
        return
    if card:
        click.echo(opened.card())
        return
    spec, verified = opened.spec, opened.verified()
    words = f"; {several(spec.reported)}" if spec.reported else ""
    click.echo(f"{spec.name}: {spec.task}{words}")
    click.echo(
        f"{task_of(spec.task).input_of(spec)} · {size(opened.path.stat().st_size)} · "
        f"licence {opened.manifest.licence} · {opened.manifest.made_by}"
    )
    rows = []
    for artifact in opened.artifacts:
        figure = verified.get(artifact.id)
        state = sum(link.input.elements for link in artifact.states)
        rows.append(
            (
                artifact.id,
                size(opened.size(artifact)),
                "–" if figure is None else opened.metric.shown(figure),
                str(len(artifact.states)),
                str(state),
                artifact.note,
            )
        )
    table("", ("artifact", "size", "verified", "states", "values", "note"), rows)
    if (chosen := choice.choice_of(opened)) is not None:
        click.echo(
            f"{chosen.id} was chosen on {chosen.machine}: p95 {chosen.p95_us / 1e3:.3g} ms "
            f"(limits: {chosen.limits})"
        )
