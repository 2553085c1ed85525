"""The keeper on a board, and what it is asked."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import tarfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from edgenets.errors import DeployFailed, DeviceError
from edgenets.files import Json

from .. import keeper
from ..keeper.environment import COMPLETE
from ..keeper.layout import HOME, python_folder
from ..remote import Answer, Remote
from .ownpython import OwnPython

# Making an environment on the slowest board, from its card.
STAGE_TIMEOUT = 1800.0  # s

# Objects over the slowest line that is worth waiting for: 100 MB at 100 kB/s.
SEND_TIMEOUT = 3600.0  # s

_CHUNK = 1 << 20  # bytes

# How a keeper is put on a board: beside the others, then named, in one step.
_UNPACK_KEEPER = """
keepers={home}/keeper
mkdir -p $keepers
rm -rf $keepers/.new $keepers/{version}
mkdir $keepers/.new
tar -xf {archive} -C $keepers/.new
sync
mv -T $keepers/.new $keepers/{version}
ln -sfn {version} $keepers/.current
mv -T $keepers/.current $keepers/current
sync
"""

# How a Python of our own is, before there is any other that the keeper could run on.
_UNPACK_PYTHON = """
pythons={home}/pythons
mkdir -p $pythons
if [ ! -e {folder}/{complete} ]; then
    rm -rf $pythons/.new {folder}
    mkdir $pythons/.new
    tar -xzf {archive} -C $pythons/.new --strip-components=1 --no-same-owner
    touch $pythons/.new/{complete}
    sync
    mv -T $pythons/.new {folder}
    sync
fi
"""

# Its archive is an object like others, so that it is sent once.
_RECEIVE_PYTHON = """set -e
mkdir -p {home}/objects
cd {home}/objects
cat > .{sha256}.part
echo '{sha256}  .{sha256}.part' | sha256sum -c >/dev/null
sync
mv -T .{sha256}.part {sha256}
"""

_MAIN = b"""import sys

from keeper.main import main

sys.exit(main(sys.argv[1:]))
"""


def archive() -> tuple[str, bytes]:
    """The keeper as a tar, and its version, which is made from what is in it."""
    folder = Path(keeper.__path__[0])
    files = {f"keeper/{p.name}": p.read_bytes() for p in sorted(folder.glob("*.py"))}
    files["__main__.py"] = _MAIN
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    data = packed.getvalue()
    return hashlib.sha256(data).hexdigest()[:12], data


def unpack_keeper(version: str, archive: str) -> str:
    """Lines of shell that put a keeper on a board; `archive` may be `-`, stdin."""
    return _UNPACK_KEEPER.format(home=HOME, version=version, archive=archive)


def unpack_python(own: OwnPython, archive: str) -> str:
    """Lines of shell that put a Python of our own on a board."""
    folder = python_folder(Path(HOME), own.sha256)
    return _UNPACK_PYTHON.format(home=HOME, folder=folder, archive=archive, complete=COMPLETE)


class LogLine(TypedDict):
    """A line of a keeper's log."""

    time: float  # s since 1970
    event: str
    release: str | None
    text: str


class Status(TypedDict):
    """What a keeper answers to `status`; see `keeper.main`."""

    serving: str | None  # release ids, as in all of it
    previous: str | None
    newest: int
    trial: Json | None
    failed: dict[str, str]  # why, by release
    releases: dict[str, dict[str, str]]
    log: list[LogLine]  # newest last
    service: dict[str, str]  # what systemd knows of it
    live: Json | None  # what the service last wrote of itself
    record: Json | None  # of the release that serves
    free_bytes: int
    whole: bool  # whether nothing of the release that serves is damaged


class Keeper:
    """The keeper of one board."""

    def __init__(self, remote: Remote, python: str) -> None:
        self._remote = remote
        self._python = python

    async def bring(self, own: OwnPython, report: Callable[[int, int], None]) -> None:
        """Put a Python of our own on the board, if it is not there.

        Raises:
            DeviceError: it cannot be.
        """
        place = f"{HOME}/objects/{own.sha256}"
        # Read, and not only looked for: nothing else looks at it before tar does.
        have = await self._remote.root(f"echo '{own.sha256}  {place}' | sha256sum -c", check=False)
        if have.code:
            size = own.archive.stat().st_size

            async def write(push: Callable[[bytes], Awaitable[None]]) -> None:
                sent = 0
                with own.archive.open("rb") as file:
                    while data := file.read(_CHUNK):
                        await push(data)
                        sent += len(data)
                        report(sent, size)

            script = _RECEIVE_PYTHON.format(home=HOME, sha256=own.sha256)
            answer = await self._remote.send(
                await self._remote.as_root(script), write, SEND_TIMEOUT
            )
            if answer.code:
                raise DeviceError(f"{self._remote.address}: {answer.reason}")
        await self._remote.root("set -e\n" + unpack_python(own, place), timeout=STAGE_TIMEOUT)

    async def install(self, version_there: str | None) -> bool:
        """Put this version of the keeper on the board, with its user and units.

        Returns:
            whether anything was to do.

        Raises:
            DeviceError: it cannot be.
        """
        version, data = archive()
        new = version != version_there
        if new:
            await self._remote.root("set -e\n" + unpack_keeper(version, "-"), data=data)
        return bool((await self.ask("install", self._python))["installed"]) or new

    async def status(self) -> Status:
        """What is on the board, and how it does; errors as `ask`."""
        found: Status = await self.ask("status")
        return found

    async def ask(
        self, command: str, *words: str, data: object = None, timeout: float = 120.0
    ) -> Any:
        """One command of the keeper, and its answer.

        Raises:
            DeployFailed: a release is not healthy.
            DeviceError: it refuses, or the board is not reached.
        """
        line = self._line(command, *words)
        raw = b"" if data is None else json.dumps(data).encode()
        return self._read(await self._remote.root(line, data=raw, timeout=timeout, check=False))

    async def send(
        self,
        objects: Mapping[str, Path],
        report: Callable[[int, int], None],
        *,
        verify: bool = False,
    ) -> int:
        """Send those objects that the board has not.

        Args:
            objects: path by SHA-256.
            report: called with the bytes sent so far, and with all that are to be sent.
            verify: have the board read those that it has, and report which are damaged.

        Returns:
            bytes that were sent.

        Raises:
            DeviceError: they do not get there.
        """
        reply = await self.ask(
            "wanting", *(["verify"] if verify else []), data=list(objects), timeout=STAGE_TIMEOUT
        )
        wanting: dict[str, int] = reply["wanting"]
        if not wanting:
            return 0
        sizes = {sha256: objects[sha256].stat().st_size for sha256 in wanting}
        total = sum(sizes[sha256] - have for sha256, have in wanting.items())
        sent = 0

        async def write(push: Callable[[bytes], Awaitable[None]]) -> None:
            nonlocal sent
            for sha256, have in wanting.items():
                await push(f"{sha256} {sizes[sha256]} {have}\n".encode())
                with objects[sha256].open("rb") as file:
                    file.seek(have)
                    while data := file.read(_CHUNK):
                        await push(data)
                        sent += len(data)
                        report(sent, total)

        line = await self._remote.as_root(self._line("receive"))
        self._read(await self._remote.send(line, write, SEND_TIMEOUT))
        return total

    def _line(self, command: str, *words: str) -> str:
        return shlex.join([self._python, f"{HOME}/keeper/current", command, *words])

    def _read(self, answer: Answer) -> Any:
        lines = [line for line in answer.out.splitlines() if line.startswith("{")]
        try:
            reply = json.loads(lines[-1])
        except (IndexError, ValueError):
            raise DeviceError(
                f"{self._remote.address}: the keeper gave no answer: {answer.reason}"
            ) from None
        if "error" in reply:
            kind = DeployFailed if reply.get("kind") == "Unhealthy" else DeviceError
            raise kind(f"{self._remote.address}: {reply['error']}")
        return reply
