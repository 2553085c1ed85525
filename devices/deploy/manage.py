"""What a deployed board is asked afterwards: how it does, what it said, to go back, to forget."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from edgenets.errors import DeviceError
from edgenets.extras import require
from edgenets.files import Json

from ..address import Address
from ..keeper.service import SERVICE
from ..remote import Remote, connect
from .keeping import Keeper, Status
from .machine import Machine, probe

T = TypeVar("T")


def look(address: Address, accept_new: bool = False) -> Machine:
    """What a board is; errors as `edgenets.devices.remote.connect`."""
    return _do(address, probe, accept_new)


def status(address: Address) -> Status:
    """How a board does: what serves, since when, what was tried and why it failed.

    Raises:
        DeviceError: it is not reached, or edgenets was never deployed to it.
    """

    async def once(remote: Remote) -> Status:
        return await Keeper(remote, await interpreter(remote)).status()

    return _do(address, once)


def roll_back(address: Address) -> str:
    """Serve the release before this one; its id.

    Raises:
        DeviceError: there is none.
    """
    return str(_ask(address, "rollback")["serving"])


def remove(address: Address) -> None:
    """Stop the service and take everything away; errors as `status`."""
    _ask(address, "remove")


def logs(address: Address, lines: int = 50, follow: bool = False) -> None:
    """Print what the service said, as the board's journal has it; errors as `status`."""
    command = f"journalctl --unit={SERVICE} --lines={lines} --no-pager --output=short-iso"

    async def once(remote: Remote) -> None:
        if not follow:
            sys.stdout.write((await remote.root(command)).out)
            return
        await remote.stream(await remote.as_root(f"{command} --follow"), sys.stdout.write)

    _do(address, once)


def _ask(address: Address, command: str) -> Json:
    async def once(remote: Remote) -> Json:
        python = await interpreter(remote)
        found: Json = await Keeper(remote, python).ask(command)
        return found

    return _do(address, once)


async def interpreter(remote: Remote) -> str:
    """The Python that a board's keeper runs on.

    Raises:
        DeviceError: there is no keeper on the board.
    """
    done = await remote.run(
        f"sed -n 's/^ExecStart=\\([^ ]*\\) .*/\\1/p' /etc/systemd/system/{SERVICE}", check=False
    )
    if done.code or not done.out.strip():
        raise DeviceError(
            f"{remote.address}: nothing was deployed to it: edgenets deploy BUNDLE {remote.address}"
        )
    return done.out.strip()


def _do(address: Address, work: Callable[[Remote], Awaitable[T]], accept_new: bool = False) -> T:
    require("asyncssh")  # said at once, and in full

    async def once() -> T:
        async with connect(address, accept_new=accept_new) as remote:
            return await work(remote)

    return asyncio.run(once())
