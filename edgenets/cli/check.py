"""`edgenets check`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.options import FORMATS, PRECISIONS, Several, emit, json_option, shape_option, size
from edgenets.cli.preflight import MARKS, BoardName

if TYPE_CHECKING:
    from edgenets.artifact import Format, Precision
    from edgenets.converters.check.check import Checked, Target
    from edgenets.converters.formats import Written


@click.command(
    epilog="""\b
Examples:
  edgenets check net.tflite --target rpi4
  edgenets check net.keras --calibration images.npy --target coral-usb
  edgenets check runs/kws-gru --target jetson-orin-nano
  edgenets check object-detect --target coral-dev-board

Operators and their versions, open sizes, memory, what the Edge TPU would map: all of it read from
the files, and so a prediction. `edgenets preflight` asks the same of a bundle's packages, cameras
and service. Exit code 1 when no artifact could run."""
)
@click.argument("model")
@click.option("--target", required=True, type=BoardName(), help="A board; see `device list`.")
@click.option("--to", type=Several(FORMATS), help="Of a model that is no artifact yet.")
@click.option("--precision", type=Several(PRECISIONS), help="The same.")
@click.option(
    "--calibration",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Items that int8 is calibrated on: .npy, or .npz with an array an input.",
)
@shape_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    model: str,
    target: str,
    to: tuple[Format, ...] | None,
    precision: tuple[Precision, ...] | None,
    calibration: Path | None,
    shape: tuple[tuple[str, tuple[int, ...]], ...],
    as_json: bool,
) -> None:
    """Check whether a model fits a board: operators, memory, versions.

    MODEL is a bundle, a folder with converted artifacts, or a model of your own as `edgenets
    convert` takes it.
    """
    from edgenets.converters.check.check import check
    from edgenets.converters.routes.apart import Request
    from edgenets.converters.routes.apart import check as check_apart

    wanted = target_of(target)
    if _is_own(Path(model)):
        items = None if calibration is None else str(calibration)
        request = Request(to or wanted.backends, precision, items, shapes=dict(shape))
        every = check_apart(Path(model), wanted, request)
    elif calibration is not None or shape:
        raise click.UsageError("--calibration and --shape are for a model of your own")
    else:
        every = check(_written(model), wanted)
    found = [one for one in every if _is_wanted(one.id, to, precision)]
    if every and not found:
        raise click.UsageError(f"{model} has nothing of that, only {_names(every)}")
    (_emit if as_json else _show)(found, wanted.name)
    ctx.exit(0 if any(one.well for one in found) else 1)


def _is_own(path: Path) -> bool:
    """Whether it is a model that is no artifact yet."""
    from edgenets.converters.store import index_of

    return path.exists() and path.suffix != ".edge" and not index_of(path).is_file()


def _written(model: str) -> list[Written]:
    """The artifacts of a folder that has some, or of a bundle."""
    from edgenets import zoo
    from edgenets.converters.formats import Written
    from edgenets.converters.store import index_of, load

    if index_of(Path(model)).is_file():
        return load(Path(model))[0]
    bundle = zoo.load(model)
    return [Written(a, bundle.files(a)) for a in bundle.artifacts]


def _names(found: Sequence[Checked]) -> str:
    return ", ".join(one.id for one in found)


def _emit(found: Sequence[Checked], board: str) -> None:
    from edgenets import records

    plain = [{**records.to_plain(one), "well": one.well} for one in found]
    emit({"target": board, "artifacts": plain})


def _show(found: Sequence[Checked], board: str) -> None:
    for one in found:
        made = size(one.bytes) if one.bytes else "not made"
        click.secho(f"{one.id} on {board}, {made}", bold=True)
        for finding in one.findings:
            mark, color = MARKS[finding.level]
            click.echo(f"  {click.style(mark, fg=color)} {finding.about:<12} {finding.text}")


def target_of(name: str) -> Target:
    """A board, as far as artifacts are concerned."""
    from edgenets.converters.check.check import Target
    from edgenets.devices.board import load as load_board

    board = load_board(name)
    names = {accelerator.name for accelerator in board.accelerators}
    return Target(
        board.name,
        board.backends,
        min(board.processor.memory_mb),
        edge_tpu=any("Coral" in name or "Edge TPU" in name for name in names),
        cuda=any("NVIDIA" in name for name in names),
    )


def _is_wanted(id: str, to: Collection[str] | None, precision: Collection[str] | None) -> bool:
    format, _, kind = id.partition("-")
    return (not to or format in to) and (
        not precision or any(p in kind.split("-") for p in precision)
    )
