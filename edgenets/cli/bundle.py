"""`edgenets bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.options import (
    AnyPath,
    Folder,
    Seconds,
    emit,
    json_option,
    outputs_of,
    outputs_options,
    preparation_of,
    preparation_options,
    size,
)
from edgenets.files import Json

if TYPE_CHECKING:
    from edgenets.converters.own.bundle import Own

# What `--task` takes; see `Task.own_input`.
_TASKS = (
    *("keywords", "sounds", "speech", "embed", "classify", "detect", "segment"),
    *("text", "language", "forecast"),
)

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog="""\b
Examples:
  edgenets bundle runs/kws-gru
  edgenets bundle runs/kws-gru --out kws.edge --only tflite-int8,onnx-int8,openvino-int8
  edgenets bundle birds --task classify --labels birds.txt --mean 127.5 --std 127.5
  edgenets bundle crnn --task keywords --labels words.txt --front features.toml \\
      --reference mine.npz
  edgenets bundle sorter --task text --labels topics.txt --front vocabulary.toml

Only artifacts that passed `edgenets verify` enter a bundle. With --task the folder is that of a
model of your own (`edgenets convert`, `edgenets verify`); what is not said is found, and shown.
--front takes a TOML file or a name: librosa, librosa-mfcc, librosa-pcen, torchaudio,
torchaudio-mfcc, kaldi-fbank, kaldi-mfcc, tensorflow, tensorflow-mfcc, kws_streaming,
kws_streaming-mel, micro-frontend, raw, edgenets. See docs/own-models.md."""
)
@click.argument("run", type=Folder)
@click.option("--out", type=AnyPath, help="The .edge file.  [default: RUN/NAME.edge]")
@click.option("--only", help="Ids of the artifacts to take, comma-separated.")
@click.option("--task", type=click.Choice(_TASKS), help="What a model of your own is for.")
@click.option("--name", help="What the bundle is called.  [default: as the model's file]")
@click.option("--licence", help="Of the model, as an SPDX expression or a sentence.")
@click.option("--reference", type=_File, help="A .npz of sound and your own features of it.")
@click.option("--tolerance", type=float, help="That these may differ by, of their spread.")
@click.option("--every", type=Seconds(0.001, 3600), help="From answer to answer, of a clip model.")
@preparation_options
@outputs_options
@json_option
def command(
    run: Path, out: Path | None, only: str | None, task: str | None, as_json: bool, **said: object
) -> None:
    """Pack what passed the gate into one .edge file.

    RUN is a run folder that was converted and verified; or, with --task, the folder that a model of
    your own was converted into.
    """
    from edgenets import runs

    ids = [part.strip() for part in only.split(",")] if only else None
    if (run / runs.MODEL).is_file():
        if task is not None or any(value is not None for value in said.values()):
            raise click.UsageError("of a run folder the task is known; --out and --only are for it")
        _pack(run, out, ids, as_json)
        return
    if task is None:
        raise click.UsageError(
            f"{run}: is no run folder of `edgenets train`; of a model of your own say --task: "
            f"{', '.join(_TASKS)}"
        )
    _show(_own(run, out, ids, task, said), as_json)


def _pack(run: Path, out: Path | None, ids: list[str] | None, as_json: bool) -> None:
    """Pack a run folder."""
    from edgenets import runs
    from edgenets.converters.project import pack_run
    from edgenets.tasks import usual_source

    opened = runs.load(run)
    path = out or run / f"{opened.spec.name}.edge"
    found = pack_run(opened, path, ids)
    names = [a.id for a in found.artifacts]
    if as_json:
        emit({"bundle": str(path), "bytes": path.stat().st_size, "artifacts": names})
        return
    click.echo(f"{path}: {size(path.stat().st_size)}, {', '.join(names)}")
    click.echo(f"Next: edgenets run {path} {usual_source(found.spec)}")


def _own(run: Path, out: Path | None, ids: list[str] | None, task: str, said: Json) -> Own:
    """Pack the folder of a model of the user's own."""
    from edgenets.converters import store
    from edgenets.converters.own.bundle import bundle_folder
    from edgenets.converters.own.options import OwnOptions

    preparation, outputs = preparation_of(said), outputs_of(said)
    given = {name: value for name, value in said.items() if value is not None}
    options = OwnOptions(task, preparation, **given, outputs=outputs)
    origin = store.origin(run)
    stem = "model" if origin is None else Path(origin.path).stem
    return bundle_folder(run, out or run / f"{options.name or stem}.edge", options, ids)


def _show(found: Own, as_json: bool) -> None:
    """What was packed, and what was guessed for it."""
    from edgenets.tasks import usual_source

    bundle, path = found.bundle, found.bundle.path
    names = [a.id for a in bundle.artifacts]
    compared = found.compared
    if as_json:
        emit(
            {
                "bundle": str(path),
                "bytes": path.stat().st_size,
                "artifacts": names,
                "labels": list(bundle.spec.labels),
                "guesses": list(found.guesses),
                "left_out": list(found.left_out),
                "front_error": None if compared is None else compared.error,
            }
        )
        return
    for guess in found.guesses:
        click.echo(f"guessed: {guess}")
    for line in found.left_out:
        click.echo(f"Left out: {line}.")
    if compared is not None:
        click.echo(f"The front end is yours: {compared}.")
    click.echo(f"{path}: {size(path.stat().st_size)}, {', '.join(names)}")
    click.echo(f"Next: edgenets run {path} {usual_source(bundle.spec)}")
