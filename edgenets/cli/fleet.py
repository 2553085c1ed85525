"""`edgenets fleet`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from edgenets.cli.options import BundleName, emit, json_option, table
from edgenets.files import Json

_Inventory = click.Path(exists=True, path_type=Path)
_inventory_option = click.option(
    "--inventory", "-i", type=_Inventory, required=True, help="Of Ansible: INI, YAML or a script."
)


class Waves(click.ParamType):  # type: ignore[type-arg]
    """Sizes of waves: numbers of boards, or parts of a hundred."""

    name = "waves"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`2,50%` to ("2", "50%")."""
        if isinstance(value, tuple):
            return value
        sizes = tuple(part.strip() for part in value.split(","))
        if not all(re.fullmatch(r"[1-9][0-9]*%?", size) for size in sizes):
            self.fail("numbers of boards or parts are needed, as in 1,10%,100%", param, ctx)
        return sizes


@click.group(
    name="fleet",
    epilog="""\b
Examples:
  edgenets fleet deploy kws-gru -i boards.yml
  edgenets fleet deploy mine.edge -i boards.yml --waves 2,50%,100% -- --source mic:USB
  edgenets fleet status -i boards.yml

An inventory is Ansible's own: its ansible_host, ansible_user, ansible_port and
ansible_ssh_private_key_file say how a board is reached. Boards of its group `canary` come
first.""",
)
def command() -> None:
    """Deploy to many boards, canaries first, by Ansible."""


@command.command(name="deploy")
@click.argument("bundle", type=BundleName())
@_inventory_option
@click.option("--at-once", type=click.IntRange(1, 256), default=8, show_default=True,
              help="Boards that are worked at at the same time.")  # fmt: skip
@click.option("--waves", type=Waves(), default="100%", show_default=True,
              help="After the canaries: numbers of boards, or parts of them.")  # fmt: skip
@click.option("--stop-at", type=click.IntRange(0, 100), default=20, show_default=True,
              help="Per cent of a wave that may fail; more, and no other is touched.")  # fmt: skip
@json_option
@click.argument("serve", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTIONS OF DEPLOY]")
@click.pass_context
def deploy(
    ctx: click.Context, bundle: str, inventory: Path, at_once: int, waves: tuple[str, ...],
    stop_at: int, as_json: bool, serve: tuple[str, ...],
) -> None:  # fmt: skip
    """Deploy a bundle to every board of an inventory."""
    from edgenets import records, zoo
    from edgenets.devices.fleet.fleet import Plan
    from edgenets.devices.fleet.fleet import deploy as fleet_deploy

    plan = Plan(at_once, waves, stop_at)
    found = fleet_deploy(zoo.load(bundle).path, inventory, serve, plan)
    if as_json:
        emit({"boards": records.to_plain(found)})
    else:
        rows = [(r.board, r.verdict, r.serving or "–", r.reason) for r in found]
        table("", ("board", "verdict", "serves", "because"), rows)
        click.echo(f"{sum(r.well for r in found)} of {len(found)} boards serve it", err=True)
    ctx.exit(0 if all(r.well for r in found) else 1)


@command.command(name="status")
@_inventory_option
@json_option
@click.pass_context
def status(ctx: click.Context, inventory: Path, as_json: bool) -> None:
    """What every board of an inventory serves, and how it does."""
    from edgenets.devices.fleet.fleet import ask

    found = ask("status", inventory)
    if as_json:
        emit({"boards": found})
    else:
        table(
            "",
            ("board", "serves", "service", "p95", "problem"),
            [_row(name, state) for name, state in found.items()],
        )
    ctx.exit(1 if any("error" in state for state in found.values()) else 0)


@command.command(name="rollback")
@_inventory_option
@json_option
@click.pass_context
def rollback(ctx: click.Context, inventory: Path, as_json: bool) -> None:
    """Have every board of an inventory serve the release before its own."""
    from edgenets.devices.fleet.fleet import ask

    found = ask("rollback", inventory)
    if as_json:
        emit({"boards": found})
    else:
        rows = [(n, t.get("serving") or "–", t.get("error", "")) for n, t in found.items()]
        table("", ("board", "serves", "problem"), rows)
    ctx.exit(1 if any("error" in state for state in found.values()) else 0)


def _row(name: str, state: Json) -> tuple[str, ...]:
    if "error" in state:
        return (name, "–", "–", "–", str(state["error"]))
    live = state["live"] or {}
    p95 = (live.get("latency_ms") or {}).get("p95")
    record = state["record"] or {}
    return (
        name,
        f"{record.get('name', 'nothing')} {state['serving'] or ''}".strip(),
        state["service"].get("ActiveState", "unknown"),
        "–" if p95 is None else f"{p95:.1f} ms",
        live.get("problem") or "",
    )
