"""`edgenets check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgenets.cli.options import (
    FORMATS,
    PRECISIONS,
    Several,
    emit,
    json_option,
    shape_option,
    size,
)  # fmt: skip
from edgenets.cli.preflight import MARKS, BoardName


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
    "--calibration", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Items that int8 is calibrated on: .npy, or .npz with an array an input.",
)  # fmt: skip
@shape_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, model: str, target: str, to: tuple[Any, ...] | None,
    precision: tuple[Any, ...] | None, calibration: Path | None, shape: tuple[Any, ...],
    as_json: bool,
) -> None:  # fmt: skip
    """Check whether a model fits a board: operators, memory, versions.

    MODEL is a bundle, a folder with converted artifacts, or a model of your own as `edgenets
    convert` takes it.
    """
    from edgenets.converters.check.check import check
    from edgenets.converters.routes.apart import check as check_apart
    from edgenets.converters.store import index_of
    from edgenets.converters.store import load as saved_artifacts

    wanted, path = target_of(target), Path(model)
    converted = index_of(path).is_file()
    own = path.exists() and path.suffix != ".edge" and not converted
    if not own and (calibration is not None or shape):
        raise click.UsageError("--calibration and --shape are for a model of your own")
    if converted:
        found = check(saved_artifacts(path)[0], wanted)
    elif own:
        found = check_apart(
            path, wanted, to or wanted.backends, precision, calibration, dict(shape)
        )
    else:
        found = check(_of_bundle(model), wanted)
    if to or precision:
        there = ", ".join(one.id for one in found)
        found = tuple(one for one in found if _is_wanted(one.id, to, precision))
        if not found:
            raise click.UsageError(f"{model} has nothing of that, only {there}")
    if as_json:
        emit({"target": wanted.name, "artifacts": [_plain(one) for one in found]})
    else:
        for one in found:
            made = size(one.bytes) if one.bytes else "not made"
            click.secho(f"{one.id} on {wanted.name}, {made}", bold=True)
            for finding in one.findings:
                mark, color = MARKS[finding.level]
                click.echo(f"  {click.style(mark, fg=color)} {finding.about:<12} {finding.text}")
    ctx.exit(0 if any(one.well for one in found) else 1)


def target_of(name: str) -> Any:
    """A board, as far as artifacts are concerned."""
    from edgenets.converters.check.check import Target
    from edgenets.devices.board import load as load_board

    board = load_board(name)
    names = {accelerator.name for accelerator in board.accelerators}
    return Target(
        board.name, board.backends, min(board.processor.memory_mb),
        any("Coral" in name or "Edge TPU" in name for name in names),
        any("NVIDIA" in name for name in names),
    )  # fmt: skip


def _plain(one: Any) -> dict[str, Any]:
    from edgenets import records

    plain: dict[str, Any] = records.to_plain(one)
    return {**plain, "well": one.well}


def _is_wanted(id: str, to: Any, precision: Any) -> bool:
    format, _, kind = id.partition("-")
    return (to is None or format in to) and (
        precision is None or any(p in kind.split("-") for p in precision)
    )


def _of_bundle(name: str) -> list[Any]:
    from edgenets import zoo
    from edgenets.converters.formats import Written

    bundle = zoo.load(name)
    return [Written(a, bundle.files(a)) for a in bundle.artifacts]
