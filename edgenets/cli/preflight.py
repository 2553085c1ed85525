"""`edgenets preflight`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.hosts import accept_new_option, host_options, python_option
from edgenets.cli.options import BACKENDS, BundleName, emit, json_option

if TYPE_CHECKING:
    from edgenets.devices.address import Address
    from edgenets.devices.deploy.ownpython import OwnPython
    from edgenets.devices.place import Place

MARKS = {"well": ("✓", "green"), "note": ("·", "yellow"), "stop": ("✗", "red")}


class BoardName(click.ParamType):  # type: ignore[type-arg]
    """The name of a board's profile."""

    name = "board"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Complete the names of boards."""
        from click.shell_completion import CompletionItem

        from edgenets.devices.board import names

        return [CompletionItem(n) for n in names() if n.startswith(incomplete)]


@click.command(
    epilog="""\b
Examples:
  edgenets preflight kws-gru --device rpi-zero2w
  edgenets preflight object-detect --host pi@gate.local

Nothing is changed. What is known beforehand is reported as that; only `edgenets deploy` sees it
run. Exit code 1 when something stops it."""
)
@click.argument("bundle", type=BundleName())
@click.option("--device", type=BoardName(), help="A board, as `edgenets device list` names it.")
@click.option("--host", metavar="[USER@]HOST[:PORT]", help="A board that can be asked.")
@click.option("--backend", type=click.Choice(BACKENDS[:-1]), help="Take no other backend.")
@python_option
@host_options
@accept_new_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, bundle: str, device: str | None, host: str | None, backend: str | None,
    python: Path | None, key: Path | None, known_hosts: Path | None, accept_new: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Check whether a bundle will run on a board."""
    from edgenets import records, zoo
    from edgenets.devices.address import parse_address
    from edgenets.devices.board import load
    from edgenets.devices.deploy.needs import ServeOptions
    from edgenets.devices.deploy.ownpython import read
    from edgenets.devices.preflight import of_board, preflight
    from edgenets.findings import well as preflight_verdict

    if (device is None) == (host is None):
        raise click.UsageError("one of --device and --host is needed")
    opened = zoo.load(bundle)
    own = read(python) if python else None
    place = (
        of_board(load(device), own)
        if device is not None
        else _ask(parse_address(host or "", key, known_hosts), accept_new, own)
    )
    findings = preflight(opened, place, ServeOptions(backend=backend))
    well = preflight_verdict(findings)
    if as_json:
        emit({"board": place.name, "well": well, "findings": records.to_plain(findings)})
    else:
        click.echo(f"{opened.spec.name} on {place.name}")
        for finding in findings:
            mark, color = MARKS[finding.level]
            click.echo(f"  {click.style(mark, fg=color)} {finding.about:<13} {finding.text}")
    ctx.exit(0 if well else 1)


def _ask(address: Address, accept_new: bool, own: OwnPython | None) -> Place:
    from edgenets.devices.board import of_model
    from edgenets.devices.deploy.manage import look
    from edgenets.devices.place import of_machine

    machine = look(address, accept_new)
    return of_machine(machine, of_model(machine.model), own)
