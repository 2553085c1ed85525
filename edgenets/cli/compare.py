"""`edgenets compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.options import AnyData, emit, json_option, size, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgenets.converters.compare.claim import Claim
    from edgenets.converters.compare.compare import Comparison

_TASKS = ("keywords", "text", "series")
_FAMILIES = ("cnn", "gru", "lstm", "rnn")


@click.command(
    epilog="""\b
Examples:
  edgenets compare keywords --data speech_commands --out runs/compare --negatives talks
  edgenets compare text --data sentiment_mr --families cnn,gru --out runs/texts
  edgenets compare series --data ett --parameters 50000 --out runs/series --json

Families: cnn, gru, lstm, rnn (a plain recurrent cell). The report is OUT/compare.html, its figures
OUT/compare.json. A network that OUT holds already is measured again, not trained again."""
)
@click.argument("task", type=click.Choice(_TASKS))
@click.option("--data", required=True, type=AnyData, help="What the networks are trained on.")
@click.option(
    "--families", default=",".join(_FAMILIES), show_default=True, help="With commas between."
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the report and of the runs.",
)
@click.option(
    "--parameters", type=click.IntRange(1000), help="Of each network.  [default: as shipped]"
)
@click.option("--epochs", type=click.IntRange(1), help="Of each training.  [default: few]")
@click.option(
    "--negatives",
    type=AnyData,
    multiple=True,
    help="Of keywords: recordings without any of them, to count false accepts in.",
)
@json_option
def command(
    task: str, data: Path, families: str, out: Path, parameters: int | None, epochs: int | None,
    negatives: tuple[Path, ...], as_json: bool,
) -> None:  # fmt: skip
    """Compare CNN and RNN models of one size on one task.

    Measured are accuracy, training time, gradients back through time, other lengths, memory, int8
    and the cost of a stream; it prints what textbooks say, beside what was measured.
    """
    from edgenets import progress
    from edgenets.converters.compare.compare import Effort, compare
    from edgenets.converters.compare.page import as_json as compare_json
    from edgenets.converters.compare.page import write
    from edgenets.converters.compare.textbook import claims as compare_claims

    names = tuple(dict.fromkeys(name.strip() for name in families.split(",") if name.strip()))
    if unknown := sorted(set(names) - set(_FAMILIES)):
        raise click.BadParameter(
            f"no such: {', '.join(unknown)}; there are {', '.join(_FAMILIES)}",
            param_hint="--families",
        )
    if len(names) < 2:
        raise click.BadParameter("two families at least", param_hint="--families")
    effort = Effort(parameters, epochs, negatives)
    found = compare(task, names, data, out, effort, progress.for_stderr())
    path = write(out, found)
    if as_json:
        emit(compare_json(found))
        return
    _show(found, compare_claims(found))
    click.echo(f"{found.seconds / 60:.1f} minutes. Report: {path}")


def _show(found: Comparison, claims: Sequence[Claim]) -> None:
    """Two tables: the networks, and what books say of them."""
    shown = found.measure.shown
    table(
        f"{found.task}: test {found.metric} on {found.items:,} {found.kind}",
        (
            "family",
            "parameters",
            found.metric,
            "int8",
            "step",
            f"steps of a {found.unit}",
            "int8 size",
            "training",
        ),
        [
            (
                network.family,
                f"{network.parameters:,}",
                shown(network.test),
                found.measure.change(network.form("tflite-int8").loss),
                f"{network.form('tflite-int8').step_us:.1f} µs",
                f"{network.form('tflite-int8').step_ms:.3g} ms",
                size(network.form("tflite-int8").bytes),
                f"{network.seconds:.0f} s",
            )
            for network in found.networks
        ],
    )
    if found.streams:
        hours = next(iter(found.streams.values())).hours
        table(
            f"int8 in {hours:.2f} h of negatives, and on the test clips as streams",
            ("family", "false accepts an hour", "recall", "recall at 1 an hour"),
            [
                (family, f"{one.per_hour:.1f}", f"{one.recall:.1%}", f"{one.recall_at:.1%}")
                for family, one in found.streams.items()
            ],
        )
    if claims:
        click.secho("What books say, and what was measured\n", bold=True)
    for claim in claims:
        _tell(claim)


_WIDTH, _INDENT = 100, " " * 13
_COLORS = {"agrees": "green", "disagrees": "red"}


def _tell(claim: Claim) -> None:
    """A claim, what was measured of it, and what follows."""
    from textwrap import fill

    def line(name: str, text: str) -> str:
        return fill(text, _WIDTH, initial_indent=f"  {name:<11}", subsequent_indent=_INDENT)

    click.secho(claim.aspect, bold=True)
    click.echo(line("CNNs", claim.cnn))
    click.echo(line("RNNs", claim.rnn))
    click.echo(line("measured", claim.measured))
    color = _COLORS.get(claim.verdict, "yellow")
    click.secho(line(claim.verdict, claim.why) + "\n", fg=color)
