"""`edgenets bundle`."""

from __future__ import annotations

from pathlib import Path

import click

from edgenets.cli.options import AnyPath, Folder, emit, json_option, size


@click.command(
    epilog="""\b
Examples:
  edgenets bundle runs/kws-gru
  edgenets bundle runs/kws-gru --out kws.edge --only tflite-int8,onnx-int8,openvino-int8

Only artifacts that passed `edgenets verify` enter a bundle."""
)
@click.argument("run", type=Folder)
@click.option("--out", type=AnyPath, help="The .edge file.  [default: RUN/NAME.edge]")
@click.option("--only", help="Ids of the artifacts to take, comma-separated.")
@json_option
def command(run: Path, out: Path | None, only: str | None, as_json: bool) -> None:
    """Pack what passed the gate into one .edge file.

    RUN is a run folder that was converted and verified.
    """
    from edgenets import runs
    from edgenets.converters.project import pack_run
    from edgenets.tasks import usual_source

    opened = runs.load(run)
    path = out or run / f"{opened.spec.name}.edge"
    ids = [part.strip() for part in only.split(",")] if only else None
    found = pack_run(opened, path, ids)
    ids = [a.id for a in found.artifacts]
    source = usual_source(found.spec)
    if as_json:
        emit({"bundle": str(path), "bytes": path.stat().st_size, "artifacts": ids})
        return
    click.echo(
        f"{path}: {size(path.stat().st_size)}, {', '.join(ids)}\nNext: edgenets run {path} {source}"
    )
