"""Trust at first sight: the key of a board that nobody has seen before is kept, as `ssh` would.

A board that is known already, with another key, is refused: that is what host keys are for.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from edgenets.errors import DeviceError
from edgenets.extras import require

from .address import SSH_PORT, Address


async def accept(address: Address, timeout: float) -> str:
    """Add a board's key to the list of known hosts, if it is not in it.

    Returns:
        the list's path.

    Raises:
        DeviceError: the board is not reached.
    """
    asyncssh = require("asyncssh")
    path = address.known_hosts or Path.home() / ".ssh" / "known_hosts"
    port = address.port or SSH_PORT
    known = path.read_text() if path.exists() else ""
    trusted, *_ = asyncssh.import_known_hosts(known).match(address.host, "", port)
    if trusted:
        return str(path)
    try:
        async with asyncio.timeout(timeout):
            key = await asyncssh.get_server_host_key(address.host, port, config=None)
    except (asyncssh.Error, OSError, TimeoutError) as exc:
        raise DeviceError(f"{address}: not reached at port {port}: {exc}") from exc
    if key is None:
        raise DeviceError(f"{address}: showed no host key")
    name = address.host if port == SSH_PORT else f"[{address.host}]:{port}"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a", encoding="ascii") as file:
        file.write(f"{name} {key.export_public_key('openssh').decode().strip()}\n")
    return str(path)
