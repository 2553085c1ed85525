"""`edgenets flash`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenets.cli.hosts import supply_options
from edgenets.cli.options import BundleName, emit, json_option, table

if TYPE_CHECKING:
    from edgenets.devices.board import Board
    from edgenets.devices.flash.disks import Disk
    from edgenets.devices.flash.first_boot import FirstBoot, Wifi
    from edgenets.devices.flash.flash import Proof
    from edgenets.devices.flash.image import Image

# Settings of a board's first start, and what is of use with a bundle alone.
_FIRST_BOOT = {"hostname", "user", "ssh_keys", "wifi", "country", "timezone"}
_BUNDLE = {"sources", "sinks", "wheels", "constraint", "python"}

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog="""\b
Examples:
  edgenets flash --list
  sudo edgenets flash raspios.img.xz /dev/sdb
  sudo edgenets flash https://example.org/raspios.img.xz /dev/sdb --sha256 raspios.img.xz.sha256
  sudo edgenets flash board.img.zst /dev/sdb --confirm 4C530001:31914983424
  sudo edgenets flash raspios.img.xz /dev/sdb --hostname kitchen --user pi --ssh-key id.pub
  sudo edgenets flash raspios.img.xz /dev/sdb --device rpi4 --bundle kws-gru --hostname kitchen
  edgenets flash mendel-eagle.zip fastboot           # a Coral Dev Board in its bootloader
  edgenets flash --device jetson-orin-nano           # how this board is flashed

With a name, a user, a network or a bundle the board is that from its first start on, without a
network; an image that would ignore it is refused. The password of a wireless network is asked for,
or taken from EDGENETS_WIFI_PASSWORD.

Everything on the card is lost. A disk that this system uses is refused. The partition table is
written last, when all else was read back from the card itself; the same command after an
interruption goes on where it stopped."""
)
@click.argument("image", required=False)
@click.argument("target", required=False, metavar="[/dev/DISK | fastboot[:SERIAL]]")
@click.option("--list", "list_", is_flag=True, help="Show the disks, and why some are refused.")
@click.option("--bmap", "map_", type=_File, help="Block map; else IMAGE.bmap, if it is there.")
@click.option("--sha256", help="Of the image as it is packed, or a file that has it.")
@click.option("--signature", type=_File, help="OpenPGP signature of the image.")
@click.option("--keyring", type=_File, help="Keys that may have signed it.")
@click.option("--confirm", "confirm", metavar="SERIAL:SIZE", help="In place of the question.")
@click.option("--hostname", help="What the board is called.")
@click.option("--user", help="Who may log in, and become root.")
@click.option("--ssh-key", "ssh_keys", type=_File, multiple=True, help="The user's, public.")
@click.option("--wifi", help="Name of the wireless network.")
@click.option("--country", help="Wi-Fi regulatory domain: an ISO country code.")
@click.option("--timezone", help="As Europe/Berlin.")
@click.option("--device", help="The board, as `edgenets device list` names it.")
@click.option("--bundle", type=BundleName(), help="What it serves; needs --device.")
@click.option("--source", "sources", multiple=True, metavar="URI", help="As of `edgenets run`.")
@click.option("--sink", "sinks", multiple=True, metavar="URI", help="As of `edgenets run`.")
@supply_options
@json_option
def command(**options: Any) -> None:
    """Write an image to a card, and read every byte back."""
    from edgenets.devices.board import load
    from edgenets.devices.flash.flash import Proof

    wanted = _Options(**options)
    if wanted.list_:
        _list(wanted.as_json)
        return
    image, target, device = wanted.image, wanted.target, wanted.device
    if device is not None and image is None and not wanted.given(_FIRST_BOOT | _BUNDLE):
        _explain(load(device), device, wanted.as_json)
        return
    if image is None or target is None:
        raise click.UsageError("an image and a target are needed; --list shows disks")
    if (wanted.signature is None) != (wanted.keyring is None):
        raise click.UsageError("--signature and --keyring go together")
    proof = Proof(wanted.sha256, wanted.signature, wanted.keyring, wanted.map_)
    if wanted.bundle is None and (idle := wanted.given(_BUNDLE)):
        raise click.UsageError(f"{_names(idle)}: of use with --bundle alone")
    if re.match(r"fastboot(:|$)", target):
        if wanted.given(_FIRST_BOOT | {"bundle", "map_"}):
            raise click.UsageError(
                "Mendel Linux reads no settings at its first start; log in to it "
                "by mdt shell, then: edgenets deploy"
            )
        _fastboot(image, target.partition(":")[2], wanted.confirm, proof, wanted.as_json)
        return
    _card(image, Path(target), wanted, proof)


@dataclass(frozen=True)
class _Options:
    """What was typed."""

    image: str | None
    target: str | None
    list_: bool
    map_: Path | None
    sha256: str | None
    signature: Path | None
    keyring: Path | None
    confirm: str | None
    hostname: str | None
    user: str | None
    ssh_keys: tuple[Path, ...]
    wifi: str | None
    country: str | None
    timezone: str | None
    device: str | None
    bundle: str | None
    sources: tuple[str, ...]
    sinks: tuple[str, ...]
    wheels: Path | None
    constraint: Path | None
    python: Path | None
    as_json: bool

    def given(self, names: Set[str]) -> set[str]:
        """Those of some options that were given."""
        return {name for name in names if getattr(self, name)}


def _check_settings(wanted: _Options) -> None:
    """Refuse settings that this card could not take."""
    from edgenets.devices.board import load

    if wanted.bundle is not None and wanted.device is None:
        raise click.UsageError("--bundle needs --device: wheels are a board's own")
    if wanted.country is not None and wanted.wifi is None:
        raise click.UsageError("--country: of use with --wifi alone")
    if wanted.device is not None and wanted.given(_FIRST_BOOT | {"bundle"}):
        system = load(wanted.device).system
        if system.first_boot == "none":
            raise click.UsageError(
                f"{system.image} reads no settings at its first start; flash it as it is, then: "
                f"edgenets deploy"
            )


def _first_boot(wanted: _Options) -> FirstBoot:
    """What the board is to be from its first start on."""
    from edgenets.devices.flash.first_boot import FirstBoot

    try:
        return FirstBoot(
            hostname=wanted.hostname,
            user=wanted.user,
            timezone=wanted.timezone,
            ssh_keys=tuple(key.read_text().strip() for key in wanted.ssh_keys),
            wifi=_wifi(wanted.wifi, wanted.country),
            files=_files(wanted),
        )
    except ValueError as exc:
        raise click.UsageError(str(exc)) from exc


def _card(image: str, target: Path, wanted: _Options, proof: Proof) -> None:
    """A card, in this machine."""
    from edgenets import records
    from edgenets.devices.flash.flash import confirmed, flash
    from edgenets.progress import for_stderr

    _check_settings(wanted)
    report = flash(
        image,
        target,
        confirmed(wanted.confirm) if wanted.confirm else _ask,
        proof=proof,
        first_boot=_first_boot(wanted),
        progress=for_stderr(),
    )
    if wanted.as_json:
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


def _fastboot(image: str, serial: str, confirm: str | None, proof: Proof, as_json: bool) -> None:
    """A Coral Dev Board, by its bootloader."""
    from edgenets import records
    from edgenets.devices.flash.mendel import flash_mendel
    from edgenets.progress import for_stderr

    def ask(board: Any) -> None:
        if confirm is not None and confirm != board.serial:
            raise click.UsageError(f"the board there is {board.serial}, not {confirm}")
        if confirm is None:
            _type(
                board.serial,
                f"{image} is about to be written to the board {board.serial}",
                board.serial,
            )

    report = flash_mendel(image, serial, ask, proof=proof, progress=for_stderr())
    if as_json:
        emit(records.to_plain(report))
        return
    total = sum(report.partitions.values())
    click.echo(
        f"{report.board}: {total / 1e6:,.0f} MB to {', '.join(report.partitions)} in "
        f"{report.seconds:.0f} s; it says that it has them, fastboot reads nothing back"
    )


def _names(options: set[str]) -> str:
    """Parameters as they are typed."""
    words = sorted(name.rstrip("s") if name in ("sources", "sinks") else name for name in options)
    return ", ".join(f"--{word}" for word in words)


def _explain(board: Board, device: str, as_json: bool) -> None:
    """How a board is flashed."""
    if as_json:
        from edgenets import records

        emit({"board": board.name, **records.to_plain(board.flash)})
        return
    by = {
        "card": [f"sudo edgenets flash IMAGE /dev/sdX --device {device} …"],
        "fastboot": ["edgenets flash RELEASE.zip fastboot"],
        "steps": [],
        "installer": [f"install {board.system.image} as its makers say; then: edgenets deploy"],
    }[board.flash.by]
    click.echo(f"{board.name}, {board.system.image}")
    for line in by:
        click.echo(f"  {line}")
    if board.flash.steps and by:
        click.echo("A board that does not start any more, by hand:")
    for number, step in enumerate(board.flash.steps, 1):
        click.echo(f"  {number}. {step}")
    if board.flash.steps:
        click.echo("As the board's makers have it; not tried on hardware.")


def _wifi(name: str | None, country: str | None) -> Wifi | None:
    """The wireless network; its password stands in no list of processes."""
    from edgenets.devices.flash.first_boot import Wifi

    if name is None:
        return None
    if country is None:
        raise click.UsageError("--wifi needs --country: radios are switched off without")
    password = os.environ.get("EDGENETS_WIFI_PASSWORD")
    if password is None:
        password = click.prompt(f"Password of {name}", hide_input=True, err=True)
    return Wifi(name, password, country)


def _files(wanted: _Options) -> dict[str, bytes]:
    """What is to be installed without a network."""
    import tempfile

    from edgenets import zoo
    from edgenets.devices.board import load
    from edgenets.devices.deploy.needs import ServeOptions
    from edgenets.devices.deploy.wheelhouse import Supply
    from edgenets.devices.flash.offline import files

    if wanted.bundle is None:
        return {}
    serve = ServeOptions(sources=wanted.sources, sinks=wanted.sinks)
    supply = Supply(wanted.constraint, wanted.wheels, python=wanted.python)
    with tempfile.TemporaryDirectory() as scratch:
        board = load(str(wanted.device))
        return files(zoo.load(wanted.bundle), board, serve, supply, Path(scratch))


def _list(as_json: bool) -> None:
    from edgenets import records
    from edgenets.devices.flash.disks import disks

    found = disks()
    if as_json:
        emit({"disks": [{**records.to_plain(d), "path": str(d.path)} for d in found]})
        return
    rows = [
        (
            str(d.path),
            d.model or "–",
            d.serial or "–",
            f"{d.size / 1e9:,.1f} GB",
            "; ".join(d.obstacles) or "may be written",
        )
        for d in found
    ]
    table("", ("disk", "model", "serial", "size", ""), rows)


def _ask(disk: Disk, image: Image) -> None:
    """Have the disk's serial typed: a letter too few at the end of /dev/sd is soon written."""
    from edgenets.devices.flash.flash import confirmation as flash_confirmation

    wanted = flash_confirmation(disk)
    _type(
        wanted.rpartition(":")[0], f"{image.path.name} is about to be written to\n  {disk}", wanted
    )


def _type(serial: str, what: str, confirmation: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(f"{what}: all on it would be lost; give --confirm '{confirmation}'")
    click.echo(f"{what}\nAll on it will be lost.")
    if click.prompt("Type its serial to go on", default="", show_default=False) != serial:
        raise click.Abort
