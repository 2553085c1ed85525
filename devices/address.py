"""Where a board is reached: `USER@HOST:PORT`, and the key that opens it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgenets.errors import DeviceError

SSH_PORT = 22

# A name, an IPv4 address, or an IPv6 address in brackets.
_TEXT = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.\-]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.%a-z0-9]+\]|[A-Za-z0-9_][A-Za-z0-9_.\-]*)"
    r"(?::(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True)
class Address:
    """Where a board's SSH server is, and as whom to ask it."""

    host: str
    user: str | None = None  # None: as OpenSSH's configuration says, else this user's name
    port: int | None = None  # None: as OpenSSH's configuration says, else 22
    key: Path | None = None  # None: the agent's, and those in ~/.ssh
    known_hosts: Path | None = None  # None: ~/.ssh/known_hosts

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"{user}{host}" + (f":{self.port}" if self.port else "")


def parse_address(text: str, key: Path | None = None, known_hosts: Path | None = None) -> Address:
    """`pi@kitchen.local:2222` as an address.

    Raises:
        DeviceError: it is none.
    """
    found = _TEXT.fullmatch(text)
    port = int(found["port"]) if found and found["port"] else None
    if found is None or port == 0 or (port or 0) > 65535:
        raise DeviceError(f"'{text}' is no address of a board; write USER@HOST or USER@HOST:PORT")
    return Address(found["host"].strip("[]"), found["user"], port, key, known_hosts)
