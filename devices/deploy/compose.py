"""A release for a kind of board: its record, and the files of its objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgenets import __version__
from edgenets.bundle import Bundle

from ..keeper.objects import digest
from ..keeper.release import Release
from . import needs, ownpython, ownwheel, wheelhouse
from .platform import Platform


@dataclass(frozen=True)
class Supply:
    """Where the wheels come from."""

    constraint: Path | None = None
    links: Path | None = None  # a folder of wheels, in place of the index
    refresh: bool = False
    python: Path | None = None  # an archive of one, for boards whose own is too old

    def own_python(self) -> ownpython.OwnPython | None:
        """The Python that is brought; errors as `ownpython.read`."""
        return ownpython.read(self.python) if self.python else None


def compose(
    bundle: Bundle, serve: needs.ServeOptions, platform: Platform, supply: Supply, folder: Path,
    say: Callable[[str], None] = lambda _: None, number: int = 0,
) -> tuple[Release, dict[str, Path]]:  # fmt: skip
    """Compose a release.

    Args:
        platform: what it stands on.
        folder: where the wheel of edgenets is put.
        number: of a published release; 0: it is deployed by hand.

    Returns:
        the release, and path by SHA-256.

    Raises:
        DeviceError: nothing of the bundle runs there, or there are no wheels for such a board.
    """
    selected = needs.selection_of(bundle, serve, platform.why_not)
    say(f"{selected.artifact.form} on {selected.backend}: {selected.reason}")
    name, data = ownwheel.make()
    own = folder / name
    own.write_bytes(data)
    extras = needs.extras_of(bundle, serve, selected.backend)
    wheels = wheelhouse.gather(
        own, extras, platform.kind, constraint=supply.constraint,
        links=supply.links, refresh=supply.refresh, say=say,
    )  # fmt: skip
    brought = () if platform.own is None else (platform.own.archive,)
    paths = (bundle.path, *wheels.values(), *serve.files.values(), *brought)
    digests = {path: digest(path) for path in paths}
    arguments = needs.arguments_of(bundle, serve)
    release = Release(
        name=bundle.spec.name, version=__version__, bundle=digests[bundle.path],
        edgenets=digests[own],
        wheels={n: digests[p] for n, p in wheels.items() if p != own},
        python=platform.python, interpreter=platform.own.sha256 if platform.own else None,
        arguments=arguments, health=serve.health, memory_mb=serve.memory_mb,
        waits_for=needs.devices_of(arguments),
        files={n: digests[p] for n, p in serve.files.items()}, number=number,
    )  # fmt: skip
    return release, {sha256: path for path, sha256 in digests.items()}
