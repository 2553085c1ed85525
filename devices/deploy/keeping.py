"""The keeper on a board, and what it is asked."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import tarfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from edgenets.errors import DeployFailed, DeviceError

from .. import keeper
from ..keeper.layout import HOME
from ..remote import Answer, Remote

# Making an environment on the slowest board, from its card.
STAGE_TIMEOUT = 1800.0  # s

# Objects over the slowest line that is worth waiting for: 100 MB at 100 kB/s.
SEND_TIMEOUT = 3600.0  # s

_CHUNK = 1 << 20  # bytes

# How a keeper is put on a board: beside the others, then named, in one step.
_INSTALL = """set -e
mkdir -p {home}/keeper
cd {home}/keeper
rm -rf .new {version}
mkdir .new
tar -xf - -C .new
sync
mv -T .new {version}
ln -sfn {version} .current
mv -T .current current
sync
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


class Keeper:
    """The keeper of one board."""

    def __init__(self, remote: Remote, python: str) -> None:
        self._remote = remote
        self._python = python

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
            script = _INSTALL.format(home=HOME, version=version)
            await self._remote.root(script, data=data)
        return bool((await self.ask("install", self._python))["installed"]) or new

    async def ask(self, command: str, *words: str, data: Any = None, timeout: float = 120.0) -> Any:
        """One command of the keeper, and its answer.

        Raises:
            DeployFailed: a release is not healthy.
            DeviceError: it refuses, or the board is not reached.
        """
        line = self._line(command, *words)
        raw = b"" if data is None else json.dumps(data).encode()
        return self._read(await self._remote.root(line, data=raw, timeout=timeout, check=False))

    async def send(
        self, objects: Mapping[str, Path], report: Callable[[int, int], None]
    ) -> int:  # fmt: skip
        """Send those objects that the board has not.

        Args:
            objects: path by SHA-256.
            report: told of the bytes that were sent, and of all that are to be.

        Returns:
            bytes that were sent.

        Raises:
            DeviceError: they do not get there.
        """
        wanting: dict[str, int] = (await self.ask("wanting", data=list(objects)))["wanting"]
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
            told = json.loads(lines[-1])
        except (IndexError, ValueError):
            raise DeviceError(
                f"{self._remote.address}: the keeper gave no answer: {answer.reason}"
            ) from None
        if "error" in told:
            kind = DeployFailed if told.get("kind") == "Unhealthy" else DeviceError
            raise kind(f"{self._remote.address}: {told['error']}")
        return told
