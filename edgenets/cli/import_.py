"""`edgenets import`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgenets.cli.options import (
    AnyPath,
    emit,
    image_options,
    json_option,
    outputs_of,
    outputs_options,
    several,
    size,
)

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    name="import",
    epilog="""\b
Examples:
  edgenets import mobilenet.tflite --task classify --labels imagenet.txt
  edgenets import ssd.tflite --task detect
  edgenets import yolo11n.onnx
  edgenets import yolo.onnx --task detect --labels coco.txt --resize letterbox
  edgenets import deeplab.tflite --task segment --labels voc.txt --mean 127.5 --std 127.5
  edgenets import okay_nabu.json && edgenets run okay_nabu.edge mic:default

Of a file that Ultralytics exported, its metadata say the task and the labels.

There is no model to hold a third-party artifact against, so nothing is proven; its bundle says
so. A microWakeWord model needs: pip install 'edgenets[microwakeword]'""",
)
@click.argument("model", type=_File)
@click.option(
    "--task", type=click.Choice(("classify", "detect", "segment")), help="Of a model of images."
)
@click.option("--labels", type=_File, help="One a line.  [default: those in the file]")
@image_options
@outputs_options
@click.option("--out", type=AnyPath, help="The .edge file.  [default: NAME.edge]")
@json_option
def command(model: Path, out: Path | None, as_json: bool, **said: Any) -> None:
    """Make a bundle of a third-party model.

    MODEL is a .tflite or .onnx model of images, or the .json of a microWakeWord model with its
    .tflite beside it. How images go in is guessed from the file, shown, and overridden by
    options.
    """
    from edgenets.bundle import check_place
    from edgenets.converters.image_import import ImportOptions
    from edgenets.converters.importing import import_apart
    from edgenets.tasks import usual_source

    path = out or Path(f"{model.stem}.edge")
    check_place(path)
    wanted = None
    if model.suffix != ".json":
        beside = model.with_suffix(".json")
        if said["task"] is None and beside.is_file():
            raise click.UsageError(
                f"--task says what a model of images is for; of microWakeWord give {beside}"
            )
        outputs = outputs_of(said)
        wanted = ImportOptions(**said, outputs=outputs)
    found = import_apart(model, path, wanted)
    bundle, guesses = found.bundle, found.guesses
    if as_json:
        emit(
            {
                "bundle": str(path),
                "bytes": path.stat().st_size,
                "labels": list(bundle.spec.labels),
                "guesses": list(guesses),
            }
        )
        return
    spec = bundle.spec
    for guess in guesses:
        click.echo(f"guessed: {guess}")
    source = usual_source(spec)
    click.echo(f"{path}: {size(path.stat().st_size)}, tells of: {several(spec.reported)}")
    click.echo(f"Next: edgenets run {path} {source}")
