"""Configuring a board: where it looks for newer releases, and whom it believes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edgenets.errors import UpdateError

from ..address import Address
from ..deploy.keeping import Keeper
from ..deploy.manage import interpreter
from ..remote import connect


def follow(address: Address, url: str, root: Path, board: str, minutes: int = 15) -> None:
    """Have a board look at a URL from now on.

    Args:
        url: where the shelf is served.
        root: its root metadata, the one thing that a board has to be given.
        board: the channel: the name of a profile.
        minutes: between two looks.

    Raises:
        UpdateError: the root metadata cannot be read, or the release that serves cannot look.
        DeviceError: the board is not reached, or nothing was deployed to it.
    """
    try:
        settings = {"url": url, "board": board, "root": root.read_text()}
    except OSError as exc:
        raise UpdateError(f"{root}: cannot be read: {exc.strerror or exc}") from exc

    async def once() -> None:
        async with connect(address) as remote:
            python = await interpreter(remote)
            keeper = Keeper(remote, python)
            record = (await keeper.status())["record"]
            if record is None or not any(name.startswith("tuf-") for name in record["wheels"]):
                raise UpdateError(
                    f"{address}: the release that serves cannot look for others; deploy it with "
                    f"--extra update"
                )
            await keeper.ask("follow", python, str(minutes), data=settings)

    asyncio.run(once())
