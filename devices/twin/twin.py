"""`Twin`: one emulated board, whatever it is made of."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import shutil
import signal
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgenets import places, records
from edgenets.errors import DeviceError, EdgenetsError, TwinError
from edgenets.files import write_json

from ..address import Address
from ..remote import Answer, connect
from .sd import FailingCard
from .senses import Camera, Microphone

# Tier → its class; imported when it is used.
TIERS = {
    "userland": "edgenets.devices.twin.userland:Userland",
    "system": "edgenets.devices.twin.system:System",
    "raspberry": "edgenets.devices.twin.raspberry:RaspberryPi",
}

# From start to a shell: an emulated machine on two busy cores.
UP_TIMEOUT = 180.0  # s

_NAME = re.compile(r"[a-z][a-z0-9]{0,11}")


@dataclass(frozen=True)
class Record:
    """What `twin.json` holds."""

    tier: str
    name: str
    pid: int  # of what runs it; 0 when its power is off
    host: str
    port: int  # of SSH
    number: int  # of its network; userland alone
    memory: int = 1024  # MiB; system alone


class Twin(ABC):
    """A twin in its folder. Made by `up`, found again by `find`."""

    def __init__(self, folder: Path, record: Record) -> None:
        self.folder = folder
        self.record = record

    @property
    def name(self) -> str:
        """What it is called."""
        return self.record.name

    @property
    def running(self) -> bool:
        """Whether its power is on."""
        return self.record.pid > 0 and _alive(self.record.pid)

    # As whom it is deployed to.
    user = "edge"

    def address(self, user: str | None = None) -> Address:
        """Where its SSH server is."""
        known = self.folder / "known_hosts"
        return Address(
            self.record.host, user or self.user, self.record.port, self.folder / "key", known
        )

    def ssh(
        self, command: str, *, user: str = "root", timeout: float = 120.0, check: bool = True,
        data: bytes = b"",
    ) -> Answer:  # fmt: skip
        """Run a command on it; errors as `edgenets.devices.remote.Remote.run`."""

        async def once() -> Answer:
            async with connect(self.address(user), accept_new=True) as remote:
                return await remote.run(command, timeout=timeout, check=check, data=data)

        return asyncio.run(once())

    def put(self, source: Path, target: str) -> None:
        """Copy a file to it; errors as `ssh`."""
        self.ssh(f"cat > '{target}' && sync '{target}'", data=source.read_bytes(), timeout=600)

    @property
    def camera(self) -> Camera:
        """What its camera sees.

        Raises:
            TwinError: this tier has none.
        """
        raise TwinError(f"a {self.record.tier} twin has no camera; system twins have")

    @property
    def mic(self) -> Microphone:
        """What its microphone hears; errors as `camera`."""
        raise TwinError(f"a {self.record.tier} twin has no microphone; system twins have")

    @property
    def sd(self) -> FailingCard:
        """Its card, where that can be made to fail; errors as `camera`."""
        raise TwinError(f"twin {self.name}: its card cannot fail; make it with --faults")

    def wait(self, timeout: float = UP_TIMEOUT) -> float:
        """Wait until it answers over SSH.

        Returns:
            how long that took, s.

        Raises:
            TwinError: it does not; the end of its console is in the message.
        """
        started = time.monotonic()
        why = "it did not answer"
        while (waited := time.monotonic() - started) < timeout:
            if not self.running:
                raise TwinError(f"twin {self.name} went out by itself:\n{self.console(15)}")
            try:
                self.ssh("true", timeout=20)
                return waited
            except DeviceError as exc:
                why = str(exc)
                time.sleep(0.2)
        raise TwinError(
            f"twin {self.name} was not up after {timeout:.0f} s ({why}):\n{self.console(15)}"
        )

    def console(self, lines: int = 50) -> str:
        """The end of what its console says."""
        path = self.folder / "console.log"
        text = path.read_text("utf-8", "replace") if path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def reboot(self) -> None:
        """Have it shut down in order, and start again."""
        self.ssh("systemctl poweroff", check=False)
        until = time.monotonic() + UP_TIMEOUT
        while self.running and time.monotonic() < until:
            time.sleep(0.1)
        self.power_cut()
        self.power_on()

    @abstractmethod
    def power_on(self) -> None:
        """Start it; it is not yet up."""

    @abstractmethod
    def power_cut(self) -> None:
        """Take its power away, as a plug that is pulled."""

    def down(self) -> None:
        """End it, and forget all that was on it."""
        self.power_cut()
        self._tear_down()
        shutil.rmtree(self.folder)

    def _tear_down(self) -> None:  # noqa: B027 - most have nothing there
        """Undo what stands outside its folder."""

    def _note(self, **changes: Any) -> None:
        self.record = replace(self.record, **changes)
        write_json(self.folder / "twin.json", records.to_plain(self.record))


def shelf() -> Path:
    """The folder of this user's twins; `EDGENETS_TWINS` moves it."""
    given = os.environ.get("EDGENETS_TWINS")
    return Path(given) if given else places.state("twins")


def up(tier: str, name: str, **options: Any) -> Twin:
    """Make a twin and start it.

    Args:
        tier: of `TIERS`.
        name: lower-case letters and digits, 12 at most.

    Raises:
        TwinError: there is one of that name, or it cannot be made.
    """
    if not _NAME.fullmatch(name):
        raise TwinError(f"'{name}' cannot be a twin's name: a letter, then letters and digits")
    folder = shelf() / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError as exc:
        raise TwinError(f"there is a twin '{name}' already; edgenets twin down {name}") from exc
    twin: Twin | None = None
    try:
        twin = _class(tier).make(folder, name, **options)
        twin.power_on()
    except EdgenetsError:
        if twin is not None:
            twin.down()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return twin


def find(name: str) -> Twin:
    """The twin of a name.

    Raises:
        TwinError: there is none.
    """
    folder = shelf() / name
    try:
        record = records.parse(Record, json.loads((folder / "twin.json").read_text()))
    except (OSError, ValueError, EdgenetsError) as exc:
        have = ", ".join(twin.name for twin in every()) or "none"
        raise TwinError(f"there is no twin '{name}'; there are: {have}") from exc
    found: Twin = _class(record.tier)(folder, record)
    return found


def every() -> list[Twin]:
    """All twins of this user."""
    return [find(path.parent.name) for path in sorted(shelf().glob("*/twin.json"))]


def kill(pid: int, patience: float = 10.0) -> None:
    """End a process at once, and wait until it is gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    until = time.monotonic() + patience
    while _alive(pid) and time.monotonic() < until:
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    with suppress(OSError):
        os.waitpid(pid, os.WNOHANG)  # a child of ours that ended is no longer alive
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _class(tier: str) -> Any:
    if tier not in TIERS:
        raise TwinError(f"no tier '{tier}'; there are {', '.join(TIERS)}")
    module, _, name = TIERS[tier].partition(":")
    return getattr(importlib.import_module(module), name)
