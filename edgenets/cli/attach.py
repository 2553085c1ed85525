"""`edgenets attach`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.copies import target_of
from edgenets.cli.options import AnyPath, BundleName, emit, json_option, size, table

if TYPE_CHECKING:
    from edgenets.bundle import Bundle
    from edgenets.converters.accelerators.attach import Attached


@click.command(
    epilog="""\b
Examples:
  edgenets attach object-detect --out detect.edge
  edgenets attach detect.edge object-detect_edgetpu.tflite
  edgenets attach detect.edge --extract build/

Without FILE, `edgetpu_compiler` compiles the bundle's tflite-int8 where it is on the PATH (x86-64
Linux, from Coral's packages); its log goes into the bundle's report. Where it is not, the .tflite
is written out with the command for another machine, and exit code 1. The bundle gains edgetpu-int8,
which `edgenets run` takes where an Edge TPU is plugged in. It was compiled from an artifact that
passed the gate; that it answers like it, `edgenets selftest` proves on the board."""
)
@click.argument("bundle", type=BundleName())
@click.argument(
    "files",
    nargs=-1,
    metavar="[FILE]...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--extract", type=AnyPath, help="Write what is to be compiled there; no more.")
@click.option("--out", type=AnyPath, help="The bundle to write.  [default: the same]")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    bundle: str,
    files: tuple[Path, ...],
    extract: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Put what an accelerator's compiler made into a bundle.

    FILE is an *_edgetpu.tflite that was compiled from the bundle's tflite-int8; a .log of the same
    name beside it is read.
    """
    from edgenets import zoo
    from edgenets.converters.accelerators.edgetpu_compiler import is_here

    if extract is not None and (files or out is not None):
        raise click.UsageError("--extract writes what is to be compiled; no FILE and no --out")
    opened = zoo.load(bundle)
    if extract is not None or not (files or is_here()):
        _extract(opened, bundle, extract or Path(), out, as_json)
        ctx.exit(1 if extract is None else 0)
    _attach(opened, bundle, files, out, as_json)


def _attach(
    opened: Bundle, bundle: str, files: tuple[Path, ...], out: Path | None, as_json: bool
) -> None:
    """Write the bundle with what was compiled in it."""
    from edgenets import records
    from edgenets.bundle import check_place
    from edgenets.choice import choice_of
    from edgenets.converters.accelerators.attach import attach

    target = target_of(opened, out)
    check_place(target)
    chosen = choice_of(opened)
    found = attach(opened, files, target)
    if as_json:
        emit({"bundle": str(target), "attached": [records.to_plain(one) for one in found]})
        return
    _show(found, target)
    if chosen is not None:
        click.echo(f"What `edgenets choose` took before, {chosen.id}, is no choice any more.")
    click.echo(f"Next: edgenets deploy {target} BOARD --backend edgetpu")


def _show(found: Sequence[Attached], target: Path) -> None:
    for one in found:
        click.echo(f"{target}: {one.id}, {size(one.bytes)}, {one.said}")
        if one.said.shares:
            rows = [(s.operator, str(s.count), s.status) for s in one.said.shares]
            table("", ("operator", "count", "the compiler says"), rows)


def _extract(opened: Bundle, bundle: str, folder: Path, out: Path | None, as_json: bool) -> None:
    """Write what is to be compiled, and say what to type where the compiler is."""
    from edgenets.converters.accelerators.attach import extract
    from edgenets.converters.accelerators.edgetpu_compiler import command as compiler_command

    written = extract(opened, folder)
    commands = [compiler_command(str(path)) for path in written]
    if as_json:
        emit({"extracted": [str(path) for path in written], "commands": commands})
        return
    for path in written:
        click.echo(f"written: {path}")
    click.echo("To compile it, on x86-64 Linux with Coral's edgetpu-compiler:")
    for line in commands:
        click.echo(f"  {line}")
    made = [f"{path.with_suffix('')}_edgetpu.tflite" for path in written]
    if out is None and not Path(bundle).is_file():
        out = Path(f"{bundle}.edge")
    where = [] if out is None else ["--out", str(out)]
    click.echo(f"Then: {shlex.join(['edgenets', 'attach', bundle, *made, *where])}")
