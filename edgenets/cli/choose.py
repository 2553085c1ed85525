"""`edgenets choose`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenets.cli.copies import target_of
from edgenets.cli.measuring import counts_of, measured, warn
from edgenets.cli.options import (
    BACKENDS,
    PRECISIONS,
    AnyPath,
    BundleName,
    Seconds,
    Several,
    emit,
    json_option,
    size,
    table,
)

if TYPE_CHECKING:
    from edgenets.artifact import Precision
    from edgenets.bundle import Bundle
    from edgenets.choice import Chosen, Limits
    from edgenets.runtime.bench import Row
    from edgenets.runtime.pick import Candidate


class _Quantity(click.ParamType):  # type: ignore[type-arg]
    """A number with a unit: `20ms`, `500kB`."""

    def __init__(self, name: str, units: dict[str, float]) -> None:
        self.name, self._units = name, units

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """In the first unit."""
        if isinstance(value, float):
            return value
        parts = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-zµ]+)\s*", str(value))
        if parts is None or parts[2] not in self._units:
            known = ", ".join(self._units)
            self.fail(f"'{value}' is not a number with one of the units {known}", param, ctx)
        return float(parts[1]) * self._units[parts[2]]


_TIME = _Quantity("time", {"us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6})
# A kB is 1,024 bytes, as in all tables here.
_KB, _MB = 1024.0, 1024.0**2
_SIZE = _Quantity("size", {"B": 1.0, "kB": _KB, "KB": _KB, "KiB": _KB, "MB": _MB, "MiB": _MB})


@click.command(
    epilog="""\b
Examples:
  edgenets choose object-detect --max-p95 20ms --max-drop 0.5 --max-size 500kB
  edgenets choose kws.edge --max-drop 1 --threads 1,2 --out kws-here.edge --report choice.html

Run it on the board that is meant: what is measured holds for this machine. The bundle that is
written says which artifact `edgenets run` takes from now on, and why the others lost. Exit code 1
when nothing keeps the limits."""
)
@click.argument("bundle", type=BundleName())
@click.option("--max-p95", type=_TIME, help="Of a step or an image: 95 of a hundred are faster.")
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 100),
    help="Points that may be lost from the float model; of what is no share, parts in a hundred.",
)
@click.option("--max-size", type=_SIZE, help="Of the artifact's files.")
@click.option("--backend", type=Several(BACKENDS[:-1]), help="Take no others.")
@click.option("--precision", type=Several(PRECISIONS), help="Take no others.")
@click.option("--threads", help="One number or several, by comma.  [default: all that make sense]")
@click.option("--seconds", type=Seconds(1, 3600), default=20.0, show_default=True, help="Of sound.")
@click.option("--out", type=AnyPath, help="The bundle to write.  [default: the same]")
@click.option("--report", type=AnyPath, help="A page of all that was measured, .html.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    bundle: str,
    max_p95: float | None,
    max_drop: float | None,
    max_size: float | None,
    backend: tuple[str, ...] | None,
    precision: tuple[Precision, ...] | None,
    threads: str | None,
    seconds: float,
    out: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Choose the best artifact for this machine, within limits."""
    from edgenets import bundle as bundles
    from edgenets import choice, zoo
    from edgenets.converters.choicepage import write
    from edgenets.runtime.pick import candidates, pick

    opened = zoo.load(bundle)
    target = target_of(opened, out)
    bundles.check_place(target)
    _check_page(report)
    limits = choice.Limits(
        max_p95,
        None if max_drop is None else max_drop / 100,
        None if max_size is None else int(max_size),
    )
    counts = None if threads is None else counts_of(threads)
    rows = measured(opened, backend, precision, counts, seconds)
    found = candidates(opened, rows)
    best = pick(found, limits)
    reasons = [(one, _why(one, best, limits)) for one in found]
    if report is not None:
        write(report, opened.spec.name, opened.metric, reasons, best, limits)
    if best is not None:
        choice.record(opened, best, target)
    if as_json:
        emit(_plain(rows, reasons, best, limits, target))
    else:
        _show(opened, reasons, best, limits, target)
        warn(rows)
    ctx.exit(0 if best is not None else 1)


def _check_page(report: Path | None) -> None:
    """Refuse a page that could not be written in the end, before anything is measured."""
    from edgenets import extras

    if report is None:
        return
    if not report.parent.is_dir():
        raise click.UsageError(f"--report {report}: there is no folder {report.parent}")
    for module in ("jinja2", "matplotlib"):
        extras.ensure(module)


def _why(one: Candidate, best: Chosen | None, limits: Limits) -> str:
    """Why a candidate was taken, or was not."""
    from edgenets.runtime.pick import broken

    if best is not None and one.is_chosen(best):
        return "chosen"
    found = best.others.get(one.name, "") if best else ""
    return found or "; ".join(broken(one, limits))


def _plain(
    rows: Sequence[Row],
    reasons: Sequence[tuple[Candidate, str]],
    best: Chosen | None,
    limits: Limits,
    target: Path,
) -> dict[str, object]:
    """What `--json` prints."""
    from edgenets import records

    return {
        "chosen": None if best is None else records.to_plain(best),
        "limits": records.to_plain(limits),
        "candidates": [{**records.to_plain(one), "why": why} for one, why in reasons],
        "disturbed": {f"{r.name} × {r.threads}": r.disturbed for r in rows if r.disturbed},
        "bundle": None if best is None else str(target),
    }


def _show(
    opened: Bundle,
    reasons: Sequence[tuple[Candidate, str]],
    best: Chosen | None,
    limits: Limits,
    target: Path,
) -> None:
    rows = [
        (
            one.name,
            f"{one.p95_us:.1f}",
            size(one.bytes),
            "–" if one.metric is None else opened.metric.shown(one.metric),
            "–" if one.loss is None else opened.metric.change(one.loss),
            "●" if one.front else "",
            why,
        )
        for one, why in reasons
    ]
    name = opened.metric.name
    columns = ("artifact", "p95 µs", "size", name, "from float", "front", "")
    table(f"{opened.spec.name} on this machine; limits: {limits}", columns, rows)
    if best is None:
        click.echo("Nothing keeps these limits; the bundle is as it was.")
    else:
        with_ = f"{best.threads} threads" if best.threads > 1 else "one thread"
        by = f" by {best.backend}" if best.backend else ""
        click.echo(f"{target}: `edgenets run` takes {best.id}{by} with {with_} now.")
