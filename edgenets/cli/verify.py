"""`edgenets verify`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenets.cli.check import target_of
from edgenets.cli.options import (
    AnyData,
    Folder,
    emit,
    json_option,
    preparation_of,
    preparation_options,
    size,
    table,
)
from edgenets.cli.preflight import BoardName

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgenets.converters.verify.appendix import Wanted
    from edgenets.converters.verify.mixed_precision import Repair
    from edgenets.converters.verify.outputs import Kind
    from edgenets.converters.verify.verdicts import Report


class OutputKind(click.ParamType):  # type: ignore[type-arg]
    """`boxes`, or `NAME=boxes`."""

    name = "output"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name, or nothing, and the kind."""
        from edgenets.converters.verify.outputs import KINDS

        if isinstance(value, tuple):
            return value
        name, _, kind = value.rpartition("=")
        if kind not in KINDS:
            self.fail(f"'{kind}' is not one of {', '.join(KINDS)}", param, ctx)
        return name, kind


@click.command(
    epilog="""\b
Examples:
  edgenets verify runs/kws-gru --data speech_commands
  edgenets verify runs/kws-gru --data speech_commands --json | jq .passed
  edgenets verify runs/kws-gru --data speech_commands --mixed-precision
  edgenets verify runs/kws-gru --data speech_commands --layers --target rpi4 --target coral-usb
  edgenets verify vww --data images.npz
  edgenets verify detector --data images.npz --output boxes

Exit code 0: every artifact equals the model, within the limits of the recipe's [gate].
Exit code 1: at least one does not. The report is written to RUN/report.html and report.json."""
)
@click.argument("run", type=Folder)
@click.option(
    "--data",
    required=True,
    type=AnyData,
    help="Recordings, images or texts, of which the validation split is used (of words that were "
    "learned in streams, the streams that training left are, in the run folder); for a model of "
    "your own .npy, or .npz with an array an input and perhaps 'y', which is right; or a folder "
    "of images or recordings, of a folder a label where --labels are given.",
)
@preparation_options
@click.option(
    "--mixed-precision",
    is_flag=True,
    help="Of integer artifacts that fail, find the quantization-sensitive layers, keep the "
    "fewest in float, and verify again; a model of your own is calibrated as it was converted.",
)
@click.option(
    "--layers",
    is_flag=True,
    help="Put the layers of every integer artifact into the report, not of those alone that fail.",
)
@click.option(
    "--target",
    "targets",
    type=BoardName(),
    multiple=True,
    help="A board, of which the report says what it would make of the artifacts; several may be "
    "given.",
)
@click.option(
    "--output",
    "kinds",
    type=OutputKind(),
    multiple=True,
    metavar="[NAME=]KIND",
    help="What an output of a model of your own is: classes, scores, boxes, values, embedding or "
    "unknown.  [default: by its operator, its data and what is right]",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    run: Path,
    data: Path,
    mixed_precision: bool,
    layers: bool,
    targets: tuple[str, ...],
    kinds: tuple[tuple[str, Kind], ...],
    as_json: bool,
    **said: object,
) -> None:
    """Verify that artifacts equal their model: the gate.

    RUN is a run folder that was converted, or the folder that a model of your own was converted
    into: its artifacts are held against the model in its own library.
    """
    from edgenets import records
    from edgenets.converters.verify.appendix import Wanted
    from edgenets.converters.verify.report import as_json as report_json

    how = preparation_of(said)
    wanted = Wanted(tuple(map(target_of, targets)), layers, kinds=dict(kinds), preparation=how)
    _check_options(run, wanted)
    stages = _stages(run, data, wanted)
    report = stages.judge()
    if not as_json:  # before anything that takes long, or fails, is looked at
        show(report)
    repairs: Sequence[Repair] = ()
    searched = mixed_precision and not report.passed
    if searched:
        repairs, report = stages.search()
    else:
        stages.append()
    if as_json:
        plain = {"repairs": [records.to_plain(one) for one in repairs]} if mixed_precision else {}
        beside = json.loads((run / "report.json").read_text(encoding="utf-8")).get("beside")
        emit({**report_json(report), **plain, "beside": beside})
    else:
        for repair in repairs:
            _show_repair(repair, report)
        if searched:
            show(report)
        click.echo(f"Report: {run / 'report.html'}")
    ctx.exit(0 if report.passed else 1)


def _check_options(run: Path, wanted: Wanted) -> None:
    """Refuse for a run folder what is for a model of one's own."""
    from edgenets import runs

    if (run / runs.MODEL).is_file() and (wanted.kinds or wanted.preparation.says):
        raise click.UsageError(
            "of a run folder it is known what goes in and comes out; --output, --labels, --front "
            "and the like are for a model of your own"
        )


@dataclass(frozen=True)
class _Stages:
    """What a verification does one after another."""

    judge: Callable[[], Report]
    append: Callable[[], None]
    search: Callable[[], tuple[tuple[Repair, ...], Report]]


def _stages(run: Path, data: Path, wanted: Wanted) -> _Stages:
    """Those of a run folder; or of a model of a user's own, in a process of its own."""
    from edgenets import progress, runs
    from edgenets.converters import project
    from edgenets.converters.routes import apart

    if not (run / runs.MODEL).is_file():
        return _Stages(
            lambda: apart.judge(run, data, wanted=wanted),
            lambda: apart.append(run, data, wanted=wanted),
            lambda: apart.search(run, data, wanted=wanted),
        )
    trained, reporter = runs.load(run), progress.for_stderr()
    return _Stages(
        lambda: project.judge_run(trained, data, reporter),
        lambda: project.append_to_run(trained, data, reporter, wanted),
        lambda: project.search_run(trained, data, reporter, wanted),
    )


def show(report: Report) -> None:
    """Print a report as a table."""
    from edgenets.metrics import metric_of

    shown = metric_of(report.metric).shown
    streams = any(v.stream_steps for v in report.verdicts)
    apart = report.metric != "agreement"  # a model without what is right has no other figure
    rows = [
        (
            v.id,
            size(v.size),
            shown(v.metric),
            *((f"{v.agreement:.2%}",) if apart else ()),
            _number(v.max_error),
            *((_number(v.stream_error), _number(v.drift)) if streams else ()),
            v.said if v.passed else f"FAILED: {v.why}",
        )
        for v in report.verdicts
    ]
    title = (
        f"{report.model}: the model has {report.metric} {shown(report.reference)} on "
        f"{report.items} {report.kind}"
    )
    columns = (
        "artifact",
        "size",
        report.metric,
        *(("agreement",) if apart else ()),
        "max error",
        *(("stream error", "drift") if streams else ()),
        "gate",
    )
    table(title, columns, rows)
    _show_outputs(report)
    for line in report.missing:
        click.echo(f"Not there: {line}.")
    for one in report.compiled:
        click.echo(f"Not run: {one.id}, {one.said}: {one.why}.")


def _show_outputs(report: Report) -> None:
    """What each output was judged as, and how little few items prove."""
    for output in report.outputs:
        ranges = f"; {output.ranges} ranges, each by itself" if output.ranges > 1 else ""
        click.echo(f"Output '{output.name}' was judged as {output.kind}: {output.why}{ranges}.")
    if report.caution:
        click.echo(f"{report.caution}.")


def _show_repair(repair: Repair, report: Report) -> None:
    """What was tried for one artifact, and what it came to."""
    from edgenets.metrics import metric_of

    if repair.why:
        why = repair.why.removeprefix(f"{repair.id}: ")
        click.echo(f"{repair.id}: no mixed precision: {why}")
        return
    metric, sizes = report.metric, {v.id: v.size for v in report.verdicts}
    where = f"leaves its model at {repair.first}" if repair.first else "leaves it at no one layer"
    rows = [
        (
            ", ".join(one.kept) or "none",
            metric_of(metric).shown(one.metric),
            size(one.bytes),
            "–" if one.step_us is None else f"{one.step_us:.1f}",
            "passed" if one.passed else "failed",
        )
        for one in repair.tries
    ]
    title = f"{repair.id} {where}"
    table(title, ("layers in float", metric, "size", "step µs", "gate"), rows)
    if repair.passed and repair.kept:
        names = ", ".join(f'"{name}"' for name in repair.kept)
        click.echo(
            f"To keep it so: keep_float = [{names}] under [quantize] of the recipe, or `edgenets "
            f"convert --keep-float {','.join(repair.kept)}`.\n"
        )
        plain, own = sizes.get(f"{repair.id.partition('-')[0]}-fp32"), sizes.get(repair.id)
        if plain is not None and own is not None and own >= plain:
            click.echo(f"{repair.id} is as large as the float model by now, which loses nothing.\n")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}"
