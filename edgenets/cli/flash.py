"""`edgenets flash`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from edgenets.cli.options import emit, json_option, table

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog="""\b
Examples:
  edgenets flash --list
  sudo edgenets flash raspios.img.xz /dev/sdb
  sudo edgenets flash https://example.org/raspios.img.xz /dev/sdb --sha256 raspios.img.xz.sha256
  sudo edgenets flash board.img.zst /dev/sdb --confirm 4C530001:31914983424

Everything on the card is lost. A disk that this system uses is refused. The partition table is
written last, when all else was read back from the card itself; the same command after an
interruption goes on where it stopped."""
)
@click.argument("image", required=False)
@click.argument("target", required=False, type=click.Path(path_type=Path))
@click.option("--list", "list_", is_flag=True, help="Show the disks, and why some are refused.")
@click.option("--bmap", "map_", type=_File, help="Block map; else IMAGE.bmap, if it is there.")
@click.option("--sha256", help="Of the image as it is packed, or a file that has it.")
@click.option("--signature", type=_File, help="OpenPGP signature of the image.")
@click.option("--keyring", type=_File, help="Keys that may have signed it.")
@click.option("--confirm", "confirm", metavar="SERIAL:SIZE", help="In place of the question.")
@json_option
def command(
    image: str | None, target: Path | None, list_: bool, map_: Path | None, sha256: str | None,
    signature: Path | None, keyring: Path | None, confirm: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Write an image to a card, and read every byte back."""
    from edgenets import records
    from edgenets.progress import for_stderr
    from edgenets.stages import stage

    if list_:
        _list(as_json)
        return
    if image is None or target is None:
        raise click.UsageError("an image and a target are needed; --list shows disks")
    ask = stage("flash_confirmed")(confirm) if confirm else _ask
    report = stage("flash")(
        image, target, ask, map=map_, proof=stage("flash_proof")(sha256, signature, keyring),
        progress=for_stderr(),
    )  # fmt: skip
    if as_json:
        emit(records.to_plain(report))
        return
    rate = report.written_bytes / max(report.write_seconds, 1e-6) / 1e6
    back = report.verified_bytes / max(report.read_seconds, 1e-6) / 1e6
    resumed = (
        f" ({report.resumed_bytes / 1e6:,.0f} MB of it before)" if report.resumed_bytes else ""
    )
    click.echo(
        f"{target}: {report.image_bytes / 1e6:,.0f} MB image, "
        f"{(report.written_bytes + report.resumed_bytes) / 1e6:,.0f} MB written{resumed} at "
        f"{rate:,.0f} MB/s, {report.verified_bytes / 1e6:,.0f} MB read back and equal at "
        f"{back:,.0f} MB/s"
    )


def _list(as_json: bool) -> None:
    from edgenets import records
    from edgenets.stages import stage

    found = stage("flash_disks")()
    if as_json:
        emit({"disks": [{**records.to_plain(d), "path": str(d.path)} for d in found]})
        return
    rows = [
        (str(d.path), d.model or "–", d.serial or "–", f"{d.size / 1e9:,.1f} GB",
         "; ".join(d.obstacles) or "may be written")
        for d in found
    ]  # fmt: skip
    table("", ("disk", "model", "serial", "size", ""), rows)


def _ask(disk: Any, image: Any) -> None:
    """Have the disk's serial typed: a letter too few at the end of /dev/sd is soon written."""
    from edgenets.stages import stage

    wanted = stage("flash_confirmation")(disk)
    if not sys.stdin.isatty():
        raise click.UsageError(f"{disk}: all on it would be lost; give --confirm '{wanted}'")
    click.echo(f"{image.path.name} is about to be written to\n  {disk}\nAll on it will be lost.")
    serial = wanted.rpartition(":")[0]
    if click.prompt("Type its serial to go on", default="", show_default=False) != serial:
        raise click.Abort
