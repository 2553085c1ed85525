"""`edgenets convert`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from edgenets.cli.options import (
    FORMATS,
    PRECISIONS,
    TARGETS,
    AnyData,
    AnyPath,
    Several,
    Shapes,
    emit,
    json_option,
    preparation_of,
    preparation_options,
    shape_option,
    size,
    table,
    variant_option,
)
from edgenets.files import Json

if TYPE_CHECKING:
    from edgenets.artifact import Format, Precision
    from edgenets.converters.routes.converter import Variant
    from edgenets.recipeparts import Calibrator


# For ESP32 devices: no format of artifacts, but a file with its JSON.
_MICRO = "microwakeword"

_CALIBRATORS = ("minmax", "moving-average", "percentile", "mse", "entropy", "auto")


@click.command(
    epilog="""\b
Examples:
  edgenets convert runs/kws-gru --data speech_commands
  edgenets convert runs/kws-gru --to tflite --precision int8 --data speech_commands
  edgenets convert vww_96.h5 --calibration photos --std 255 --out vww
  edgenets convert crnn.keras --shape 100,40 --calibration features.npz --out crnn
  edgenets convert net.onnx --explain
  edgenets convert runs/microwakeword --to microwakeword --data recordings
  edgenets convert net.keras --calibration images.npy --to tflite,edgetpu --precision int8

Recurrent and causal networks of Keras become step models: one call takes the newest frames and the
state, and gives scores and the next state. Every other model is converted as a whole, for items of
one size. A precision that cannot be had is said so, with the reason. edgetpu needs Coral's
edgetpu_compiler on the PATH, and is for models of your own; of a bundle: `edgenets attach`."""
)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--to", type=Several((*TARGETS, _MICRO)), default=",".join(FORMATS), show_default=True
)
@click.option(
    "--precision", type=Several(PRECISIONS), help="[default: every one that the model can have]"
)
@click.option("--data", type=AnyData, help="What a run folder was trained on, to calibrate by.")
@click.option(
    "--calibration",
    type=AnyData,
    help="What a model of your own is calibrated on: .npy, .npz with an array an input, or a "
    "folder of images or recordings.",
)
@preparation_options
@variant_option
@shape_option
@click.option(
    "--keep-float",
    metavar="LAYER,…",
    help="Layers of a model of your own that stay float in integer precisions.",
)
@click.option(
    "--per-tensor",
    is_flag=True,
    help="One scale a layer for integer weights of a model of your own, not one a channel.",
)
@click.option(
    "--symmetric",
    is_flag=True,
    help="Integers whose zero is 0, as TensorRT wants them; a model of your own, whole, in ONNX.",
)
@click.option(
    "--calibrator",
    type=click.Choice(_CALIBRATORS),
    default="minmax",
    help="How ranges are found; auto: by each in turn, and the best is kept.  [default: minmax]",
)
@click.option(
    "--explain", is_flag=True, help="Show the conversion paths, and why some are closed; no more."
)
@click.option("--word", help="Of several that a run hears, the one for --to microwakeword.")
@click.option("--out", type=AnyPath, help="Folder for artifacts/.  [default: beside MODEL]")
@json_option
def command(
    model: Path, to: tuple[Format, ...], precision: tuple[Precision, ...] | None, data: Path | None,
    calibration: Path | None, variant: Variant, shape: Shapes, keep_float: str | None,
    per_tensor: bool, symmetric: bool, calibrator: Calibrator | Literal["auto"],
    explain: bool, word: str | None, out: Path | None, as_json: bool,
    **said: object,
) -> None:  # fmt: skip
    """Convert a model to TFLite, ONNX and OpenVINO.

    MODEL is a run folder of `edgenets train`, or a model of your own: a .keras, .h5, .pt2,
    TorchScript, .onnx or .tflite file, or the folder of a SavedModel.
    """
    from edgenets import runs
    from edgenets.converters.routes.apart import Request, convert
    from edgenets.converters.routes.apart import explain as explain_apart
    from edgenets.recipeparts import QuantizeRecipe

    preparation = preparation_of(said)
    if _MICRO in to or word is not None:
        _export(model, to, data, word, out, as_json)
        return
    if (model / runs.MODEL).is_file():
        own = (out, calibration, keep_float, variant, shape)
        how = (per_tensor, symmetric, calibrator, explain)
        unsaid = ((None, None, None, "auto", ()), (False, False, "minmax", False))
        if (own, how) != unsaid or preparation.says:
            raise click.UsageError(
                "of a run folder, its recipe says how it is converted; --to, --precision and "
                "--data are for it, all others for a model of your own"
            )
        _convert_run(model, data, to, precision or PRECISIONS, as_json)
        return
    if data is not None:
        raise click.UsageError("--data is for a run folder; a model of your own: --calibration")
    quantize = QuantizeRecipe(
        keep_float=_names(keep_float or ""),
        per_channel=not per_tensor,
        symmetric=symmetric,
        calibrator=calibrator,
    )
    items = None if calibration is None else str(calibration)
    request = Request(to, precision, items, variant, dict(shape), quantize, preparation)
    if explain:
        _explain(explain_apart(model, request), as_json)
        return
    folder = out or model.parent
    _show(folder, convert(model, folder, request), "ITEMS.npz", as_json)


def _names(said: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(name.strip() for name in said.split(",") if name.strip())


def _convert_run(
    folder: Path,
    data: Path | None,
    to: Sequence[Format],
    precisions: Sequence[Precision],
    as_json: bool,
) -> None:
    """Convert the model of a run folder."""
    from edgenets import progress, runs
    from edgenets.converters.project import convert_run
    from edgenets.converters.routes.apart import report_of

    if "edgetpu" in to:
        raise click.UsageError(
            "edgetpu is made of a bundle: `edgenets bundle RUN`, then `edgenets attach BUNDLE`"
        )
    found = convert_run(runs.load(folder), data, to, precisions, progress.for_stderr())
    _show(folder, report_of(found), str(data or "DATA"), as_json)


def _export(
    folder: Path,
    to: tuple[str, ...],
    data: Path | None,
    word: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write the model of a run folder as microWakeWord's."""
    from edgenets import progress, runs
    from edgenets.converters.microwakeword_export import export

    if to != (_MICRO,) or not (folder / runs.MODEL).is_file() or data is None:
        raise click.UsageError(
            "a model for ESP32 devices is made of a run folder, by itself: convert RUN --to "
            "microwakeword --data DATA [--word WORD] [--out FOLDER]"
        )
    made = export(runs.load(folder), data, out or folder / _MICRO, word, progress.for_stderr())
    if as_json:
        paths = {"model": str(made.model), "manifest": str(made.manifest)}
        figures = {"bytes": made.bytes, "agreement": made.agreement, "streams": made.streams}
        emit({**paths, "word": made.word, **figures})
        return
    click.echo(f"{made.model}: {size(made.bytes)}, hears '{made.word}'")
    click.echo(
        f"Decides {made.agreement:.2%} of {made.streams:,} streams as the model does. ESPHome's "
        f"micro_wake_word takes {made.manifest} as `model:`."
    )


def _show(folder: Path, report: Json, data: str, as_json: bool) -> None:
    """What was written, why the rest was not, and how to verify it with data."""
    if as_json:
        emit({"folder": str(folder / "artifacts"), **report})
        return
    made = report["artifacts"]
    routes = any(one["route"] for one in made)
    rows = [
        (
            one["id"],
            size(one["bytes"]),
            *((" → ".join(one["route"]) or "as it came",) if routes else ()),
            one["note"],
        )
        for one in made
    ]
    columns = ("artifact", "size", *(("route",) if routes else ()), "")
    table(str(folder / "artifacts"), columns, rows)
    for line in report["missing"]:
        click.echo(f"Not there: {line}.")
    click.echo(f"Next: edgenets verify {folder} --data {data}")


def _explain(routes: Json, as_json: bool) -> None:
    """Every conversion path to every artifact: taken, closed and why, or longer than another."""
    if as_json:
        emit(routes)
        return
    for id, every in routes.items():
        click.secho(id, bold=True)
        for one in every:
            click.echo(f"  {one['drawn']}")
            if one["closed"]:
                click.secho(f"    closed: {one['closed']}", fg="red")
                continue
            click.secho(
                f"    {'taken' if one['taken'] else 'open, and longer'}",
                fg="green" if one["taken"] else None,
            )
            for leg in one["legs"] if one["taken"] else ():
                click.echo(
                    f"      {leg['name']} requires {leg['requires']}; ensures {leg['ensures']}"
                )
