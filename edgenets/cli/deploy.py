"""`edgenets deploy`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.hosts import (
    KeyFile,
    accept_new_option,
    health_options,
    host_options,
    supply_options,
)
from edgenets.cli.options import (
    BACKENDS,
    BundleName,
    emit,
    json_option,
    table,
)
from edgenets.progress import PLAIN_INTERVAL

if TYPE_CHECKING:
    from edgenets.devices.address import Address
    from edgenets.devices.deploy.deploy import Observer, Outcome


@click.command(
    epilog="""\b
Examples:
  edgenets deploy kws-gru pi@kitchen.local
  edgenets deploy object-detect pi@gate pi@yard --source camera:0 --sink mqtt://broker/gate
  edgenets deploy mine.edge root@10.0.0.7:2222 --key ~/.ssh/boards --accept-new
  edgenets deploy mine.edge pi@shed --wheels wheelhouse/       # without an index

A board needs SSH, systemd and a user who may become root; where its Python is older than 3.11,
--python brings one. What it has
already is not sent again; the same command twice changes nothing. The release is kept when it has
given its golden outputs and its live inferences within their bound; else the board goes back to
what it served before, by itself. Exit code 1 when a board does not serve the release."""
)
@click.argument("bundle", type=BundleName())
@click.argument("hosts", nargs=-1, required=True, metavar="[USER@]HOST[:PORT]...")
@click.option("--source", "sources", multiple=True, metavar="URI",
              help="As of `edgenets run`; default: the first camera or microphone.")  # fmt: skip
@click.option(
    "--sink", "sinks", multiple=True, metavar="URI", help="Default: console:, which is the journal."
)
@click.option("--backend", type=click.Choice(BACKENDS[:-1]), help="Take no other backend.")
@click.option("--threshold", "thresholds", multiple=True, metavar="[WORD=]X", help="0…1.")
@click.option("--scene", type=KeyFile, help="TOML of zones, lines and labels; images alone.")
@health_options
@click.option("--memory", type=click.IntRange(32), help="The service's limit, MB.")
@click.option("--extra", "extras", multiple=True, help="More extras of edgenets on the board.")
@supply_options
@click.option("--refresh", is_flag=True, help="Choose the wheels anew.")
@host_options
@accept_new_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, bundle: str, hosts: tuple[str, ...], sources: tuple[str, ...],
    sinks: tuple[str, ...], backend: str | None, thresholds: tuple[str, ...], scene: Path | None,
    inferences: int, latency: float, patience: float, memory: int | None, extras: tuple[str, ...],
    wheels: Path | None, constraint: Path | None, python: Path | None, refresh: bool,
    key: Path | None, known_hosts: Path | None, accept_new: bool, as_json: bool,
) -> None:  # fmt: skip
    """Deploy a bundle to boards over SSH, and see it work there."""
    from edgenets import records, zoo
    from edgenets.devices.address import parse_address
    from edgenets.devices.deploy.deploy import deploy_all
    from edgenets.devices.deploy.needs import ServeOptions
    from edgenets.devices.deploy.wheelhouse import Supply
    from edgenets.devices.keeper.release import Health

    opened = zoo.load(bundle)
    addresses = [parse_address(host, key, known_hosts) for host in hosts]
    words = [word for text in thresholds for word in ("--threshold", text)]
    files: dict[str, Path] = {}
    if scene is not None:
        files["scene.toml"] = scene
        words += ["--scene", "{release}/scene.toml"]
    serve = ServeOptions(
        sources=sources, sinks=sinks, backend=backend, arguments=tuple(words), files=files,
        extras=extras, memory_mb=memory,
        health=Health(inferences, latency, patience),
    )  # fmt: skip
    supply = Supply(constraint, wheels, refresh, python)
    several = len(addresses) > 1
    outcomes = deploy_all(
        opened,
        addresses,
        serve,
        supply=supply,
        accept_new=accept_new,
        observer=lambda address: _observer(address, several),
    )
    if as_json:
        emit({"boards": [records.to_plain(outcome) for outcome in outcomes]})
    else:
        show(outcomes)
    ctx.exit(0 if all(outcome.well for outcome in outcomes) else 1)


def show(outcomes: list[Outcome]) -> None:
    """A table of what became of boards."""
    rows = [
        (
            o.address,
            o.verdict,
            o.serving or "–",
            f"{o.sent_bytes / 1e6:.1f} MB",
            f"{o.seconds:.0f} s",
            o.reason,
        )
        for o in outcomes
    ]
    table("", ("board", "verdict", "serves", "sent", "took", "because"), rows)


def _observer(address: Address, several: bool) -> Observer:
    """Who tells how it goes with a board; with several, each line says with which."""
    from edgenets.devices.deploy.deploy import Observer

    start = f"{address}: " if several else ""
    return Observer(
        say=lambda text: click.echo(f"{start}{text}", err=True), progress=_Sending(start)
    )


class _Sending:
    """Tells every few seconds how much was sent, and how long the rest will take."""

    def __init__(self, start: str) -> None:
        self._start = start
        self._began: float | None = None  # the first piece
        self._shown = 0.0

    def __call__(self, sent: int, total: int) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = self._shown = now
        if now - self._shown < PLAIN_INTERVAL:
            return
        self._shown = now
        left = (now - self._began) * (total - sent) / max(sent, 1)
        text = f"sending: {sent / 1e6:.0f} of {total / 1e6:.0f} MB, {left:.0f} s left"
        click.echo(f"{self._start}{text}", err=True)
