"""Trust at first sight: the key of a board that nobody has seen before is kept, as `ssh` would.

A board that is known already, with another key, is refused: that is what host keys are for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenets.errors import DeviceError
from edgenets.extras import require

from .address import SSH_PORT

if TYPE_CHECKING:
    from asyncssh import SSHClient, SSHKey, SSHKnownHosts


def at_first_sight(path: Path) -> type[SSHClient]:
    """A class of asyncssh's clients that keep the keys of boards which are not known yet.

    Host and port are those that are connected to, after what OpenSSH's configuration makes of them.

    Args:
        path: the list of known hosts, which is added to.
    """
    client: Any = require("asyncssh").SSHClient

    class Client(client):  # type: ignore[misc]
        def validate_host_public_key(self, host: str, addr: str, port: int, key: SSHKey) -> bool:
            known, *_ = known_hosts(path).match(host, addr, port)
            if known:
                return False
            name = host if port == SSH_PORT else f"[{host}]:{port}"
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{name} {key.export_public_key('openssh').decode().strip()}\n")
            return True

    return Client


def known_hosts(path: Path) -> SSHKnownHosts:
    """A list of known hosts; one that is not there is empty.

    Raises:
        DeviceError: it cannot be read.
    """
    try:
        text = path.read_text() if path.exists() else ""
        found: SSHKnownHosts = require("asyncssh").import_known_hosts(text)
        return found
    except (OSError, ValueError) as exc:
        raise DeviceError(f"{path}: no list of known hosts: {exc}") from exc
