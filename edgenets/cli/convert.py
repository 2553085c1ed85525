"""`edgenets convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgenets.cli.options import (
    FORMATS,
    PRECISIONS,
    AnyData,
    AnyPath,
    Several,
    emit,
    json_option,
    size,
    table,
)  # fmt: skip


@click.command(
    epilog="""\b
Examples:
  edgenets convert runs/kws-gru --data speech_commands
  edgenets convert runs/kws-gru --to tflite --precision int8 --data speech_commands
  edgenets convert model.keras --calibration features.npy --out converted

Recurrent and causal nets become step models: one call takes the newest frames and the state, and
gives scores and the next state. A precision that a format lacks is said so."""
)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--to", type=Several(FORMATS), default=",".join(FORMATS), show_default=True)
@click.option(
    "--precision", type=Several(PRECISIONS), default=",".join(PRECISIONS), show_default=True
)
@click.option("--data", type=AnyData, help="What a run folder is calibrated on.")
@click.option(
    "--calibration", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=".npy of (clips, frames, channels) that a bare .keras file is calibrated on.",
)  # fmt: skip
@click.option("--out", type=AnyPath, help="Folder for artefacts/.  [default: beside MODEL]")
@json_option
def command(
    model: Path, to: tuple[Any, ...], precision: tuple[Any, ...], data: Path | None,
    calibration: Path | None, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Convert a trained model to TFLite, ONNX and OpenVINO.

    MODEL is a run folder of `edgenets train`, or a .keras file.
    """
    from edgenets import progress, runs
    from edgenets.stages import stage

    reporter = progress.for_stderr()
    if model.is_dir():
        if out is not None or calibration is not None:
            raise click.UsageError(
                "--out and --calibration are for a .keras file, not a run folder"
            )
        folder = model
        found = stage("convert_run")(runs.load(model), data, to, precision, reporter)
    else:
        folder = out or model.parent
        clips = _read_npy(calibration) if calibration is not None else None
        found = stage("convert")(runs.load_keras(model), clips, to, precision, None, reporter)
        stage("save_artefacts")(folder, found.written, found.missing)
    if as_json:
        emit(
            {
                "folder": str(folder / "artefacts"),
                "artefacts": [
                    {
                        "id": w.artefact.id, "files": list(w.files), "bytes": w.size,
                        "note": w.artefact.note,
                    }
                    for w in found.written
                ],
                "missing": list(found.missing),
            }
        )  # fmt: skip
        return
    rows = [(w.artefact.id, size(w.size), w.artefact.note) for w in found.written]
    table(str(folder / "artefacts"), ("artefact", "size", ""), rows)
    for line in found.missing:
        click.echo(f"Not there: {line}.")
    if model.is_dir():
        click.echo(f"Next: edgenets verify {model} --data {data or 'DATA'}")


def _read_npy(path: Path) -> Any:
    import zipfile

    import numpy as np

    from edgenets.errors import DataError

    try:
        clips = np.load(path, allow_pickle=False)
    # An empty file is an EOFError, one that begins like a zip may be a bad one.
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as exc:
        raise DataError(f"{path}: no NumPy array: {exc}") from exc
    if not isinstance(clips, np.ndarray):
        raise DataError(f"{path}: several arrays; one .npy is needed")
    if clips.ndim != 3 or not np.issubdtype(clips.dtype, np.floating):
        raise DataError(
            f"{path}: floats of shape (clips, frames, channels) are needed, found {clips.dtype} "
            f"{list(clips.shape)}"
        )
    if not np.isfinite(clips).all():
        raise DataError(f"{path}: holds values that are not finite numbers")
    return clips.astype(np.float32)
