"""`edgenets import`."""

from __future__ import annotations

from pathlib import Path

import click

from edgenets.cli.options import AnyPath, emit, json_option, size


@click.command(
    name="import",
    epilog="""\b
Examples:
  edgenets import okay_nabu.json
  edgenets run okay_nabu.edge mic:default

There is no model to hold a foreign artefact against, so nothing is proven of it; its bundle says
so. A microWakeWord model needs: pip install 'edgenets[microwakeword]'""",
)
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=AnyPath, help="The .edge file.  [default: NAME.edge]")
@json_option
def command(model: Path, out: Path | None, as_json: bool) -> None:
    """Make a bundle of a model that others trained.

    MODEL is the .json of a microWakeWord model, with its .tflite beside it.
    """
    from edgenets.errors import ModelError
    from edgenets.stages import stage

    if model.suffix != ".json":
        raise ModelError(f"{model}: only microWakeWord's .json can be imported so far")
    path = out or Path(f"{model.stem}.edge")
    bundle = stage("import_microwakeword")(model, path)
    if as_json:
        emit(
            {"bundle": str(path), "bytes": path.stat().st_size, "labels": list(bundle.spec.labels)}
        )
        return
    click.echo(
        f"{path}: {size(path.stat().st_size)}, listens for {bundle.spec.labels[0]}\n"
        f"Next: edgenets run {path} mic:default"
    )
