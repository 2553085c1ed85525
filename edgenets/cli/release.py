"""`edgenets release`: releases that boards fetch by themselves."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenets.cli.hosts import health_options, host_options, supply_options
from edgenets.cli.options import (
    BACKENDS,
    AnyPath,
    BundleName,
    F,
    emit,
    json_option,
    size,
    table,
)

if TYPE_CHECKING:
    from edgenets.devices.update.shelf import Shelf


def _keys_option(function: F) -> F:
    return click.option(
        "--keys",
        type=AnyPath,
        default=Path("release-keys"),
        show_default=True,
        help="The folder of the signing keys; nobody else's.",
    )(function)


def _root_keys_option(function: F) -> F:
    return click.option(
        "--root-keys",
        type=AnyPath,
        multiple=True,
        help="More folders with root keys, such as a stick that is kept apart.",
    )(function)


_threshold_option = click.option(
    "--threshold",
    type=click.IntRange(1),
    help="So many root keys must sign a change of keys; default: more than half of them.",
)


@click.group(
    name="release",
    epilog="""\b
Examples:
  edgenets release init shelf/
  edgenets release publish kws-gru shelf/ --board rpi4 --board rpi5
  edgenets release follow pi@kitchen.local https://example.org/shelf --shelf shelf/ --board rpi4
  edgenets release refresh shelf/
  edgenets release rotate shelf/ --root-keys /media/stick
  edgenets release revoke shelf/ 1f2e3d4c --root-keys /media/stick

A shelf is a folder that any web server serves. Boards believe what is signed for them, is not older
than what they saw, and has not expired; they try it as a deployment is tried, and go back.""",
)
def command() -> None:
    """Publish signed releases that boards fetch by themselves."""


@command.command(name="init")
@click.argument("shelf", type=AnyPath)
@click.option(
    "--root-count",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="How many root keys are made.",
)
@_threshold_option
@_keys_option
@json_option
def init(shelf: Path, root_count: int, threshold: int | None, keys: Path, as_json: bool) -> None:
    """Make a shelf, and keys where there are none."""
    from edgenets.devices.update.shelf import Shelf

    root = Shelf.make(shelf, keys, root_count, threshold)
    if as_json:
        emit({"root": str(root), "keys": str(keys)})
        return
    click.echo(f"boards are given {root}; keep {keys} to yourself, its root.pem in another place")


@command.command(name="publish")
@click.argument("bundle", type=BundleName())
@click.argument("shelf", type=AnyPath)
@click.option("--board", "boards", multiple=True, required=True, help="As `device list` has it.")
@click.option("--source", "sources", multiple=True, metavar="URI", help="As of `edgenets run`.")
@click.option("--sink", "sinks", multiple=True, metavar="URI", help="As of `edgenets run`.")
@click.option("--backend", type=click.Choice(BACKENDS[:-1]), help="Take no other backend.")
@health_options
@click.option("--extra", "extras", multiple=True, help="More extras of edgenets on the boards.")
@supply_options
@_keys_option
@json_option
def publish(
    bundle: str, shelf: Path, boards: tuple[str, ...], sources: tuple[str, ...],
    sinks: tuple[str, ...], backend: str | None, inferences: int, latency: float, patience: float,
    extras: tuple[str, ...], wheels: Path | None, constraint: Path | None, python: Path | None,
    keys: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Publish a bundle for kinds of boards."""
    from edgenets import records, zoo
    from edgenets.devices.board import load
    from edgenets.devices.deploy.needs import ServeOptions
    from edgenets.devices.deploy.wheelhouse import Supply
    from edgenets.devices.keeper.release import Health
    from edgenets.devices.update.shelf import Shelf
    from edgenets.uri import shown

    serve = ServeOptions(
        sources=sources,
        sinks=sinks,
        backend=backend,
        extras=("update", *extras),
        health=Health(inferences, latency, patience),
    )
    for uri in (*sources, *sinks):
        if shown(uri) != uri:
            raise click.UsageError(
                f"{shown(uri)}: what is published stands there for everybody, its password too; "
                f"put EDGENETS_MQTT_PASSWORD into /etc/edgenets/environment of the boards"
            )
    opened = Shelf(shelf, keys)
    with tempfile.TemporaryDirectory() as scratch:
        made = opened.publish(
            zoo.load(bundle),
            {name: load(name) for name in boards},
            serve,
            Supply(constraint, wheels, False, python),
            Path(scratch),
            lambda text: click.echo(text, err=True),
        )
    if as_json:
        emit({"published": records.to_plain(made)})
        return
    rows = [
        (", ".join(p.boards), str(p.number), p.release, size(p.bytes),
         ", ".join(size(n) for n in p.deltas.values()) or "–")
        for p in made
    ]  # fmt: skip
    table("", ("board", "number", "release", "new on the shelf", "as differences"), rows)


@command.command(name="refresh")
@click.argument("shelf", type=AnyPath)
@_keys_option
@json_option
def refresh(shelf: Path, keys: Path, as_json: bool) -> None:
    """Have boards believe what is there for another while."""
    from edgenets.devices.update.shelf import Shelf

    Shelf(shelf, keys).refresh()
    if as_json:
        emit({"refreshed": str(shelf)})


@command.command(name="keys")
@click.argument("shelf", type=AnyPath)
@_keys_option
@json_option
def keys_(shelf: Path, keys: Path, as_json: bool) -> None:
    """Whose signatures count, by the ids of their keys."""
    from edgenets import records
    from edgenets.devices.update.roots import short
    from edgenets.devices.update.shelf import Shelf

    found = Shelf(shelf, keys).publishers
    if as_json:
        emit(records.to_plain(found))
        return
    rows = [
        ("root", ", ".join(map(short, found.root)), f"{found.threshold} must sign"),
        ("release", ", ".join(map(short, found.release)), ""),
    ]
    table(
        f"root {found.version}, believed until {found.expires[:10]}", ("key", "ids", "rule"), rows
    )


@command.command(name="rotate")
@click.argument("shelf", type=AnyPath)
@click.option(
    "--root", "of_root", is_flag=True, help="New root keys, in place of a new release key."
)
@click.option(
    "--root-count", type=click.IntRange(1, 16), help="With --root: how many; default: as now."
)
@_threshold_option
@_root_keys_option
@_keys_option
@json_option
def rotate(
    shelf: Path,
    of_root: bool,
    root_count: int | None,
    threshold: int | None,
    root_keys: tuple[Path, ...],
    keys: Path,
    as_json: bool,
) -> None:
    """Have a new key sign from now on; the one before counts no more.

    Boards follow by themselves, also those that slept through several changes.
    """
    from edgenets.devices.update.shelf import Shelf

    opened = Shelf(shelf, keys)
    if of_root:
        count = root_count or len(opened.publishers.root)
        made = opened.rotate_root(count, threshold, root_keys)
    elif root_count is not None or threshold is not None:
        raise click.UsageError("--root-count and --threshold: of use with --root alone")
    else:
        made = [opened.rotate_release(root_keys)]
    _show_change(opened, made, as_json)


@command.command(name="revoke")
@click.argument("shelf", type=AnyPath)
@click.argument("key_id")
@_root_keys_option
@_keys_option
@json_option
def revoke(
    shelf: Path, key_id: str, root_keys: tuple[Path, ...], keys: Path, as_json: bool
) -> None:
    """Have a key that was lost or stolen count no more; a new one takes its place.

    KEY_ID is the beginning of its id, as `edgenets release keys` shows it.
    """
    from edgenets.devices.update.shelf import Shelf

    opened = Shelf(shelf, keys)
    _show_change(opened, [opened.revoke(key_id, root_keys)], as_json)


def _show_change(shelf: Shelf, made: list[Path], as_json: bool) -> None:
    """What a change of keys came to."""
    if as_json:
        emit({"root": str(shelf.root), "keys": [str(path) for path in made]})
        return
    click.echo(
        f"made {', '.join(map(str, made))}; boards follow {shelf.root.name} at their next look. "
        f"Serve the whole shelf: its older roots are needed by boards that come late"
    )


@command.command(name="list")
@click.argument("shelf", type=AnyPath)
@_keys_option
@json_option
def list_(shelf: Path, keys: Path, as_json: bool) -> None:
    """The newest release for each kind of board."""
    from edgenets.devices.update.shelf import Shelf

    found = Shelf(shelf, keys).releases()
    if as_json:
        emit(found)
        return
    rows = [
        (board, str(r["release"]["number"]), r["release"]["name"], r["release"]["version"])
        for board, r in found.items()
    ]
    table("", ("board", "number", "bundle", "edgenets"), rows)


@command.command(name="follow")
@click.argument("host", metavar="[USER@]HOST[:PORT]")
@click.argument("url")
@click.option("--shelf", type=AnyPath, required=True, help="The folder that the URL serves.")
@click.option("--board", required=True, help="What the board is, as `device list` has it.")
@click.option(
    "--minutes", type=click.IntRange(1), default=15, show_default=True, help="Between two looks."
)
@_keys_option
@host_options
@json_option
def follow(
    host: str, url: str, shelf: Path, board: str, minutes: int, keys: Path, key: Path | None,
    known_hosts: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Have a board look for newer releases from now on."""
    from edgenets.devices.address import parse_address
    from edgenets.devices.board import load
    from edgenets.devices.update.follow import follow as follow_shelf
    from edgenets.devices.update.shelf import Shelf

    root = Shelf(shelf, keys).root
    load(board)
    follow_shelf(parse_address(host, key, known_hosts), url, root, board, minutes)
    if as_json:
        emit({"host": host, "follows": url})
    else:
        click.echo(f"{host} looks at {url} every {minutes} minutes")
