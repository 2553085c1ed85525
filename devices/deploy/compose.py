"""A release for a kind of board: its record, and the files of its objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgenets import __version__
from edgenets.bundle import Bundle
from edgenets.selection import Selection

from ..keeper.objects import digest
from ..keeper.release import Release
from ..place import Place, check
from . import needs, ownwheel, wheelhouse
from .wheelhouse import Supply


@dataclass(frozen=True)
class Service:
    """A bundle as it is to run on a board: what was selected of it, and what that needs."""

    bundle: Bundle
    serve: needs.ServeOptions
    place: Place
    selected: Selection
    extras: tuple[str, ...]  # of edgenets


def service_of(
    bundle: Bundle, serve: needs.ServeOptions, place: Place, address: str = ""
) -> Service:
    """Select what of a bundle runs on a board.

    Args:
        address: of the board, for messages; empty: its name.

    Raises:
        DeviceError: the board lacks what any release needs, or nothing of the bundle runs there.
    """
    check(place, address)
    selected = needs.selection_of(bundle, serve, place.why_not)
    extras = tuple(needs.extras_of(bundle, serve, selected.backend))
    return Service(bundle, serve, place, selected, extras)


def compose(
    service: Service,
    supply: Supply,
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
    number: int = 0,
) -> tuple[Release, dict[str, Path]]:
    """Compose a release.

    Args:
        supply: where the wheels come from.
        folder: where the wheel of edgenets is put.
        number: of a published release; 0: it is deployed by hand.

    Returns:
        the release, and path by SHA-256.

    Raises:
        DeviceError: there are no wheels for such a board.
    """
    bundle, place = service.bundle, service.place
    serve = needs.without_secrets(service.serve, folder)
    selected = service.selected
    say(f"{selected.artifact.form} on {selected.backend}: {selected.reason}")
    name, data = ownwheel.make()
    own = folder / name
    own.write_bytes(data)
    wheels = wheelhouse.gather(own, service.extras, place.kind, supply, say)
    brought = () if place.own is None else (place.own.archive,)
    paths = (bundle.path, *wheels.values(), *serve.files.values(), *brought)
    digests = {path: digest(path) for path in paths}
    arguments = needs.arguments_of(bundle, serve)
    release = Release(
        name=bundle.spec.name,
        version=__version__,
        bundle=digests[bundle.path],
        edgenets=digests[own],
        wheels={n: digests[p] for n, p in wheels.items() if p != own},
        python=place.interpreter,
        interpreter=place.own.sha256 if place.own else None,
        arguments=arguments,
        health=serve.health,
        memory_mb=serve.memory_mb,
        waits_for=needs.devices_of(arguments),
        files={n: digests[p] for n, p in serve.files.items()},
        number=number,
    )
    return release, {sha256: path for path, sha256 in digests.items()}
