"""`edgenets twin`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from edgenets.cli.options import emit, json_option, table

if TYPE_CHECKING:
    from edgenets.devices.twin.twin import Twin

ExistingFile = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(
    name="twin",
    epilog="""\b
Examples:
  sudo edgenets twin build                 # once; takes a few minutes
  edgenets twin up pi                      # a whole arm64 machine, with camera and microphone
  edgenets deploy kws-gru $(edgenets twin address pi)
  edgenets twin ssh pi
  edgenets twin see pi cells.jpg; edgenets twin hear pi yes.wav
  edgenets twin cut pi; edgenets twin on pi
  edgenets twin down pi

A twin stands in for a board on a machine that has none. Its speed is nobody's.""",
)
def command() -> None:
    """Emulated boards (device twins)."""


@command.command(name="build")
@click.option("--mirror", metavar="URL", help="Of Debian; else the one this machine installs from.")
def build(mirror: str | None) -> None:
    """Make what all twins start from: Debian for arm64."""
    from edgenets.devices.twin.base import build as twin_build

    base = twin_build(lambda text: click.echo(text, err=True), mirror)
    click.echo(base.folder)


@command.command(name="up")
@click.argument("name")
@click.option(
    "--tier",
    type=click.Choice(("system", "userland", "raspberry")),
    default="system",
    show_default=True,
    help="A machine, a container, or a Raspberry Pi 3 with a flashed card.",
)
@click.option(
    "--memory", type=click.IntRange(256), default=1024, show_default=True, help="MB; system alone."
)
@click.option("--faults", is_flag=True, help="Its card can be made to fail; system alone.")
@click.option("--card", type=ExistingFile, help="Start from this flashed card; not userland.")
@json_option
def up(name: str, tier: str, memory: int, faults: bool, card: Path | None, as_json: bool) -> None:
    """Make a twin, start it, and wait until it answers."""
    from edgenets import records
    from edgenets.devices.twin.twin import up as twin_up

    options = {"memory": memory, "faults": faults, "card": card} if tier != "userland" else {}
    twin = twin_up(tier, name, **options)
    seconds = twin.wait()
    if as_json:
        emit({**records.to_plain(twin.record), "seconds": seconds})
        return
    click.echo(f"{name} was up after {seconds:.0f} s: {ssh_words(twin)}")


@command.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List the twins."""
    from edgenets import records
    from edgenets.devices.twin.twin import every

    twins = every()
    if as_json:
        emit({"twins": [{**records.to_plain(t.record), "running": t.running} for t in twins]})
        return
    rows = [(t.name, t.record.tier, "on" if t.running else "off", str(t.address())) for t in twins]
    table("", ("twin", "tier", "power", "address"), rows)


@command.command(name="address")
@click.argument("name")
def address(name: str) -> None:
    """Print what `edgenets deploy` takes: the address, key and known hosts."""
    twin = _find(name)
    place = twin.address()
    click.echo(f"{place} --key {place.key} --known-hosts {place.known_hosts} --accept-new")


@command.command(name="ssh")
@click.argument("name")
def ssh(name: str) -> None:
    """Open a shell on a twin."""
    words = ssh_words(_find(name)).split()
    os.execvp(words[0], words)


@command.command(name="run", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def run(ctx: click.Context, name: str, words: tuple[str, ...]) -> None:
    """Run a command on a twin, as root; its exit code is this one's."""
    answer = _find(name).ssh(" ".join(words), check=False, timeout=3600.0)
    click.echo(answer.out, nl=False)
    click.echo(answer.err, nl=False, err=True)
    ctx.exit(answer.code)


@command.command(name="cut")
@click.argument("name")
def cut(name: str) -> None:
    """Take a twin's power away."""
    _find(name).power_cut()


@command.command(name="on")
@click.argument("name")
def on(name: str) -> None:
    """Give a twin its power back, and wait until it answers."""
    twin = _find(name)
    twin.power_on()
    click.echo(f"{name} was up after {twin.wait():.0f} s")


@command.command(name="reboot")
@click.argument("name")
def reboot(name: str) -> None:
    """Have a twin shut down in order and start again; wait until it answers."""
    twin = _find(name)
    twin.reboot()
    click.echo(f"{name} was up after {twin.wait():.0f} s")


@command.command(name="put")
@click.argument("name")
@click.argument("source", type=ExistingFile)
@click.argument("target")
def put(name: str, source: Path, target: str) -> None:
    """Copy a file to a twin."""
    _find(name).put(source, target)


@command.command(name="see")
@click.argument("name")
@click.argument("images", nargs=-1, required=True, type=ExistingFile)
def see(name: str, images: tuple[Path, ...]) -> None:
    """Have a twin's camera see images, one every frame, over and over."""
    from edgenets.tasks.vision.image import read

    _find(name).camera.inject([read(path) for path in images])


@command.command(name="hear")
@click.argument("name")
@click.argument("sound", type=ExistingFile)
def hear(name: str, sound: Path) -> None:
    """Have a twin's microphone hear a WAV file, once."""
    _find(name).mic.play(sound)


@command.command(name="fail")
@click.argument("name")
@click.argument("kind", type=click.Choice(("read", "write", "mend")))
def fail(name: str, kind: Literal["read", "write", "mend"]) -> None:
    """Have every read or write of a twin's card fail, or work again."""
    card = _find(name).sd
    if kind == "mend":
        card.repair()
    else:
        card.fault(kind)


@command.command(name="down")
@click.argument("names", nargs=-1, required=True)
def down(names: tuple[str, ...]) -> None:
    """End twins, and forget all that was on them."""
    for name in names:
        _find(name).down()


def ssh_words(twin: Twin) -> str:
    """The line that opens a shell on a twin."""
    place = twin.address()
    return (
        f"ssh -p {place.port} -i {place.key} -o UserKnownHostsFile={place.known_hosts} "
        f"-o StrictHostKeyChecking=accept-new {place.user}@{place.host}"
    )


def _find(name: str) -> Twin:
    from edgenets.devices.twin.twin import find

    return find(name)
