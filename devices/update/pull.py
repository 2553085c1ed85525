"""What a board does by itself: look whether there is something newer for it, and try it.

It runs as root in the environment of the release that serves, which was seen to work. Whatever
goes wrong here, that release goes on serving.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgenets import records
from edgenets.errors import EdgenetsError, UpdateError
from edgenets.extras import require

from ..keeper import disk, environment, objects, service, trial
from ..keeper import release as releases
from ..keeper import state as states
from ..keeper.errors import KeeperError
from ..keeper.layout import Home
from ..keeper.lock import locked
from . import channel, delta

if TYPE_CHECKING:
    from tuf.ngclient.updater import Updater

CONFIGURATION = "update.json"
TRUSTED_ROOT = "trusted-root.json"


@dataclass(frozen=True)
class Configuration:
    """Where a board looks, as what."""

    url: str
    board: str  # the name of its channel


@dataclass(frozen=True)
class Pulled:
    """What looking came to."""

    outcome: Literal["nothing newer", "on trial", "not again"]
    number: int
    reason: str = ""
    fetched_bytes: int = 0
    saved_bytes: int = 0  # that differences made unnecessary


def pull(home: Home, say: Callable[[str], None] = lambda _: None) -> Pulled:
    """Look, and if there is something newer for this board, fetch it and begin its trial.

    Raises:
        UpdateError: what is there is not to be believed, or not for this board.
        KeeperError: it cannot be tried just now.
    """
    configuration = load_configuration(home)
    updater = _updater(home, configuration)
    name = f"channels/{configuration.board}.json"
    record = channel.parse(_fetch(updater, name, home), name)
    release = record.of
    state = states.load(home)
    if state.trial is not None:
        return Pulled("nothing newer", release.number, f"{state.trial.release} is on trial")
    if release.number < state.newest:
        raise UpdateError(
            f"release {release.number} is older than {state.newest}, which was kept before"
        )
    if release.id == home.serving():
        return Pulled("nothing newer", release.number)
    if release.number == state.newest:
        return Pulled("nothing newer", release.number, "another one was deployed by hand")
    if release.id in state.failed:
        return Pulled("not again", release.number, state.failed[release.id])
    _check_board(record, configuration)
    say(f"release {release.number}: {release.name}")
    fetched, saved = _fetch_objects(updater, home, release, state, say)
    with locked(home):
        state = states.load(home)
        if state.trial is not None or release.number <= state.newest:
            return Pulled("nothing newer", release.number, "another one came meanwhile")
        if objects.wanting(home.objects, release.objects):
            raise UpdateError("what was fetched was cleaned away meanwhile; the next look fetches")
        environment.make(home, release)
        releases.stage(home, release)
        trial.begin(home, release.id, say)
    service.start_guard()
    return Pulled("on trial", release.number, "", fetched, saved)


def load_configuration(home: Home) -> Configuration:
    """Where this board looks.

    Raises:
        UpdateError: that was not configured.
    """
    try:
        data = json.loads((home.root / CONFIGURATION).read_text())
        return records.parse(Configuration, data)
    except (OSError, ValueError, EdgenetsError) as exc:
        raise UpdateError(f"this board follows no shelf of releases: {exc}") from exc


def _updater(home: Home, configuration: Configuration) -> Updater:
    """TUF's client, with metadata that is signed, not older than what was seen, and not expired.

    Raises:
        UpdateError: it is not.
    """
    client = require("tuf.ngclient")
    exceptions = require("tuf.api.exceptions")
    folder = home.root / "tuf"
    disk.make_folder(folder / "targets")
    url = configuration.url.rstrip("/")
    try:
        updater: Updater = client.Updater(
            str(folder),
            f"{url}/metadata/",
            str(folder / "targets"),
            f"{url}/targets/",
            bootstrap=(home.root / TRUSTED_ROOT).read_bytes(),
        )
        updater.refresh()
    except exceptions.ExpiredMetadataError as exc:
        raise UpdateError(
            f"{url}: what is there has expired; it is to be refreshed ({exc})"
        ) from exc
    except exceptions.BadVersionNumberError as exc:
        raise UpdateError(f"{url}: is older than what was seen there before ({exc})") from exc
    except exceptions.UnsignedMetadataError as exc:
        raise UpdateError(f"{url}: is not signed by who may publish ({exc})") from exc
    except (exceptions.RepositoryError, exceptions.DownloadError, OSError) as exc:
        raise UpdateError(f"{url}: {exc}") from exc
    return updater


def _fetch(updater: Updater, name: str, home: Home) -> bytes:
    """A target that TUF vouches for.

    Raises:
        UpdateError: it is not there, or another one is.
    """
    exceptions = require("tuf.api.exceptions")
    try:
        target = updater.get_targetinfo(name)
        if target is None:
            raise UpdateError(f"there is no {name} on the shelf")
        path = Path(updater.download_target(target, str(home.root / "tuf" / "targets" / "part")))
        data = path.read_bytes()
        path.unlink()
    except (exceptions.RepositoryError, exceptions.DownloadError, OSError) as exc:
        raise UpdateError(f"{name}: {exc}") from exc
    return data


def _fetch_objects(
    updater: Updater,
    home: Home,
    release: releases.Release,
    state: states.State,
    say: Callable[[str], None],
) -> tuple[int, int]:
    """Fetch what is not here; bytes that were fetched, and that differences saved."""
    fetched = saved = 0
    disk.make_folder(home.objects)
    for sha256 in objects.wanting(home.objects, release.objects):
        path = objects.path_of(home.objects, sha256)
        data = None
        if sha256 == release.bundle:
            data, spent = _by_difference(updater, home, sha256, state)
            if data is not None:
                fetched, saved = fetched + spent, saved + len(data) - spent
        if data is None:
            data = _fetch(updater, f"objects/{sha256}", home)
            fetched += len(data)
        disk.write(path, data)
        say(f"fetched {sha256[:12]}, {len(data):,} bytes")
    return fetched, saved


def _by_difference(
    updater: Updater, home: Home, sha256: str, state: states.State
) -> tuple[bytes | None, int]:
    """The new bundle made of one that is here; None where there is no such difference."""
    for id in (home.serving(), state.previous):
        try:
            old = releases.load(home, id).bundle if id else None
        except KeeperError:
            continue
        name = f"deltas/{old[:16]}-{sha256[:16]}" if old else ""
        if not name or updater.get_targetinfo(name) is None:
            continue
        try:
            difference = _fetch(updater, name, home)
            assert old is not None
            new = delta.apply(objects.path_of(home.objects, old).read_bytes(), difference)
        except (UpdateError, OSError):
            continue  # the whole one will do
        if hashlib.sha256(new).hexdigest() == sha256:
            return new, len(difference)
    return None, 0


def _check_board(record: channel.Channel, configuration: Configuration) -> None:
    """That a release is for this board: its name, and what its wheels were chosen for.

    Raises:
        UpdateError: it is not.
    """
    if configuration.board not in record.boards:
        raise UpdateError(f"a release for {', '.join(record.boards)}, not {configuration.board}")
    here = platform.machine()
    if record.architecture != here:
        raise UpdateError(f"a release for {record.architecture}; this board is {here}")
    version = sys.version_info[:2]
    if record.python != version and not record.release.get("interpreter"):
        wanted, have = (".".join(map(str, v)) for v in (record.python, version))
        raise UpdateError(f"a release for Python {wanted}; this board has {have}")


def main() -> int:
    """The timer's command; what it says is the journal's."""
    try:
        found = pull(Home(), print)
    except (EdgenetsError, KeeperError) as exc:
        print(f"no update: {exc}", file=sys.stderr)
        return 1
    print(f"release {found.number}: {found.outcome} {found.reason}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
