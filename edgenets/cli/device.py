"""`edgenets device`: boards, and what is deployed to them."""

from __future__ import annotations

import time
from pathlib import Path

import click

from edgenets.cli.hosts import accept_new_option, host_options
from edgenets.cli.options import emit, json_option, table
from edgenets.files import Json


@click.group(
    name="device",
    epilog="""\b
Examples:
  edgenets device list
  edgenets device probe pi@kitchen.local
  edgenets device status pi@kitchen.local
  edgenets device logs pi@kitchen.local --follow
  edgenets device rollback pi@kitchen.local""",
)
def command() -> None:
    """List, show and probe boards, and what is deployed to them."""


@command.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List the boards that edgenets knows."""
    from edgenets import records
    from edgenets.devices.board import load, names

    boards = {name: load(name) for name in names()}
    if as_json:
        emit({name: records.to_plain(board) for name, board in boards.items()})
        return
    rows = [
        (
            name,
            board.processor.name,
            _sizes(board.processor.memory_mb),
            f"{board.system.image}, Python {board.system.python}",
            ", ".join(a.name for a in board.accelerators) or "–",
        )
        for name, board in boards.items()
    ]
    table("", ("board", "processor", "memory", "system", "accelerators"), rows)


@command.command(name="show")
@click.argument("board")
@json_option
def show(board: str, as_json: bool) -> None:
    """Everything that is known of a board."""
    from edgenets import records
    from edgenets.devices.board import load

    found = load(board)
    if as_json:
        emit(records.to_plain(found))
        return
    watts = (
        ""
        if found.power.idle_w is None
        else (f"; {found.power.idle_w:g} W idle, {found.power.load_w:g} W under load")
    )
    heat = (
        ""
        if found.heat.slows_at_c is None
        else (
            f"slows down at {found.heat.slows_at_c:g} °C, stops at {found.heat.stops_at_c:g} °C; "
        )
    )
    accelerators = [f"{a.name}: {a.needs}" for a in found.accelerators]
    rows = [
        ("board", found.name),
        ("processor", f"{found.processor.name}, {found.processor.architecture}"),
        ("memory", _sizes(found.processor.memory_mb)),
        (
            "system",
            f"{found.system.image}, Python {found.system.python}, glibc {found.system.libc}",
        ),
        ("first boot", found.system.first_boot),
        ("backends", ", ".join(found.backends)),
        ("cameras", f"{', '.join(found.camera.sources)}: {found.camera.stack}"),
        ("sound", f"{', '.join(found.sound.sources)}: {found.sound.stack}"),
        *(("accelerator", text) for text in accelerators),
        ("power", found.power.supply + watts),
        ("heat", heat + found.heat.hint),
        ("flash", f"by {found.flash.by}; {found.flash.card_mb / 1000:g} GB at least"),
        *(("note", text) for text in found.hints),
        *(("wheel", name) for name in found.wheels.values()),
    ]
    for name, text in rows:
        click.echo(f"{name:>13}  {text}")


@command.command(name="probe")
@click.argument("host", metavar="[USER@]HOST[:PORT]")
@host_options
@accept_new_option
@json_option
def probe(
    host: str, key: Path | None, known_hosts: Path | None, accept_new: bool, as_json: bool
) -> None:
    """Ask a board what it is."""
    from edgenets import records
    from edgenets.devices.address import parse_address
    from edgenets.devices.deploy.manage import look

    machine = look(parse_address(host, key, known_hosts), accept_new)
    if as_json:
        emit(records.to_plain(machine))
        return
    pythons = ", ".join(f"{'.'.join(map(str, p.version))} ({p.path})" for p in machine.pythons)
    heat = "unknown" if machine.temperature is None else f"{machine.temperature:.0f} °C"
    libc = "none" if machine.libc is None else ".".join(map(str, machine.libc))
    rows = [
        ("model", machine.model),
        ("system", f"{machine.system}, {machine.kernel}, {machine.architecture}, glibc {libc}"),
        ("processor", f"{machine.cores} cores"),
        ("memory", f"{machine.memory_mb:,} MB; {machine.free_mb:,} MB free on disk"),
        ("Python", pythons or "none"),
        ("cameras", ", ".join(f"{n} ({d})" for d, n in machine.cameras.items()) or "none"),
        ("microphones", ", ".join(machine.microphones) or "none"),
        ("accelerators", ", ".join(machine.accelerators) or "none"),
        ("temperature", heat + "".join(f"; {text}" for text in machine.throttled)),
        ("edgenets", f"keeper {machine.keeper}" if machine.keeper else "not deployed"),
    ]
    for name, text in rows:
        click.echo(f"{name:>13}  {text}")


@command.command(name="status")
@click.argument("host", metavar="[USER@]HOST[:PORT]")
@host_options
@json_option
def status(host: str, key: Path | None, known_hosts: Path | None, as_json: bool) -> None:
    """What serves on a board, how it does, and what was done."""
    from edgenets.devices.address import parse_address
    from edgenets.devices.deploy.manage import status as device_status

    found = device_status(parse_address(host, key, known_hosts))
    if as_json:
        emit(found)
        return
    record, live = found["record"] or {}, found["live"]
    serving = found["serving"]
    click.echo(f"serves    {record.get('name', 'nothing')} {serving or ''}".rstrip())
    click.echo(f"service   {_service(found['service'])}")
    if live:
        p95 = live["latency_ms"]["p95"]
        speed = "" if p95 is None else f", p95 {p95:.1f} ms"
        name = live.get("artifact") or live["artefact"]  # the second by an earlier version
        click.echo(f"runs      {name} on {live['runs_on']}, {live['source']}")
        click.echo(f"          {live['inferences']:,} inferences{speed}")
        if live["problem"]:
            click.echo(f"problem   {live['problem']}")
    if found["trial"]:
        click.echo(f"on trial  {found['trial']['release']}")
    if found["previous"]:
        click.echo(f"before    {found['previous']}")
    rows = [
        (
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line["time"])),
            line["event"],
            line["release"] or "–",
            line["text"],
        )
        for line in found["log"][-8:]
    ]
    if rows:
        table("", ("when", "what", "release", ""), rows)


@command.command(name="logs")
@click.argument("host", metavar="[USER@]HOST[:PORT]")
@click.option("--lines", type=click.IntRange(1), default=50, show_default=True, help="The last.")
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C.")
@host_options
def logs(host: str, lines: int, follow: bool, key: Path | None, known_hosts: Path | None) -> None:
    """What the service on a board said."""
    from edgenets.devices.address import parse_address
    from edgenets.devices.deploy.manage import logs as device_logs

    device_logs(parse_address(host, key, known_hosts), lines, follow)


@command.command(name="rollback")
@click.argument("host", metavar="[USER@]HOST[:PORT]")
@host_options
@json_option
def rollback(host: str, key: Path | None, known_hosts: Path | None, as_json: bool) -> None:
    """Have a board serve the release before this one."""
    from edgenets.devices.address import parse_address
    from edgenets.devices.deploy.manage import roll_back

    serving = roll_back(parse_address(host, key, known_hosts))
    if as_json:
        emit({"serving": serving})
    else:
        click.echo(f"{host} serves {serving}")


@command.command(name="remove")
@click.argument("host", metavar="[USER@]HOST[:PORT]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@host_options
def remove(host: str, yes: bool, key: Path | None, known_hosts: Path | None) -> None:
    """Stop the service on a board and take everything away."""
    from edgenets.devices.address import parse_address
    from edgenets.devices.deploy.manage import remove as device_remove

    if not yes:
        click.confirm(f"Take the service and all releases off {host}?", abort=True)
    device_remove(parse_address(host, key, known_hosts))
    click.echo(f"{host}: edgenets was removed; what services wrote is in /var/lib/edgenets")


def _sizes(memory_mb: tuple[int, ...]) -> str:
    return ", ".join(f"{m} MB" if m < 1024 else f"{m // 1024} GB" for m in memory_mb)


def _service(shown: Json) -> str:
    state = f"{shown.get('ActiveState', 'unknown')} ({shown.get('SubState', '?')})"
    restarts = shown.get("NRestarts", "0")
    return state if restarts in ("0", "") else f"{state}, started anew {restarts} times"
