"""Trust at first sight: the key of a board that nobody has seen before is kept, as `ssh` would.

A board that is known already, with another key, is refused, whatever was asked for: that is what
host keys are for.
"""

from __future__ import annotations

import fcntl
import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from edgenets.errors import DeviceError
from edgenets.extras import require

from .address import SSH_PORT

Found: TypeAlias = tuple[Sequence[Any], ...]  # what asyncssh finds for a host, kind by kind

if TYPE_CHECKING:
    from asyncssh import SSHClient, SSHKey, SSHKnownHosts


@dataclass
class Trust:
    """Whether the key that a board shows is believed; for one connection."""

    lists: Sequence[Path]  # of known hosts; a key that is new is added to the first
    accept_new: bool = False  # a board that is not known yet
    refusal: str = ""  # why the key was not believed, once it was not
    is_new: bool = False  # for the board is not known yet

    def client(self) -> SSHClient:
        """A client of asyncssh that asks this.

        Host and port are those that are connected to, after what OpenSSH's configuration makes of
        them.
        """
        trust = self
        client: Any = require("asyncssh").SSHClient

        class Client(client):  # type: ignore[misc]
            def validate_host_public_key(
                self, host: str, addr: str, port: int, key: SSHKey
            ) -> bool:
                return trust.believes(host, addr, port, key)

        made: SSHClient = Client()
        return made

    def believes(self, host: str, addr: str, port: int, key: SSHKey) -> bool:
        """Whether a key is believed that is not in the lists for this host."""
        known = self.known(host, addr, port)
        if known:
            self.refusal = self.changed(host, port, known, fingerprint(key))
            return False
        if self.accept_new:
            _add(self.lists[0], _name(host, port), key)
            return True
        self.is_new = True
        self.refusal = f"its host key ({fingerprint(key)}) is not known"
        return False

    def known(self, host: str, addr: str, port: int) -> list[SSHKey]:
        """The keys that a host is known by at this port."""
        return list(self._at(host, addr, port)[0])

    def match(self, host: str, addr: str, port: int | None) -> Found:
        """Keys of a host: trusted, of authorities, revoked, and the like of X.509.

        A key that is revoked at this port alone is revoked, which asyncssh would overlook where
        the host has no other key there; else this is what asyncssh itself finds.
        """
        found = known_hosts(self.lists).match(host, addr, port)
        at_port = self._at(host, addr, port or SSH_PORT)
        return (*found[:2], [*found[2], *at_port[2]], *found[3:])

    def _at(self, host: str, addr: str, port: int) -> Found:
        """The same, but for another port nothing that is said of the host without a port."""
        every = known_hosts(self.lists)
        if port == SSH_PORT:
            return every.match(host, addr, None)
        names = [_name(name, port) for name in dict.fromkeys((host, addr)) if name]
        found = [every.match(name, "", None) for name in names]
        return tuple([one for part in parts for one in part] for parts in zip(*found, strict=True))

    def changed(self, host: str, port: int, known: Iterable[SSHKey], shown: str) -> str:
        """What a person should know of a host whose key is another one now.

        Args:
            shown: the fingerprint of the key that it shows.
        """
        remove = shlex.join(["ssh-keygen", "-R", _name(host, port), "-f", str(self.lists[0])])
        return (
            f"its host key has CHANGED: possibly a man in the middle, or the board was flashed "
            f"anew. It shows {shown}; known is {', '.join(map(fingerprint, known))} "
            f"({', '.join(map(str, self.lists))}). --accept-new does not take it. If you know why "
            f"it changed, remove the old key: {remove}"
        )


def _name(host: str, port: int) -> str:
    """A host as lists of known hosts have it."""
    return host if port == SSH_PORT else f"[{host}]:{port}"


def fingerprint(key: SSHKey) -> str:
    """A key's kind and SHA-256, as `ssh-keygen -l` shows it."""
    kind = key.get_algorithm().removeprefix("ssh-")
    return f"{kind} {key.get_fingerprint()}"


def _add(path: Path, name: str, key: SSHKey) -> None:
    """Add a line to a list, which a person may have left without an end of its last one.

    Raises:
        DeviceError: the list cannot be written, or does not have the key afterwards.
    """
    line = f"{name} {key.export_public_key('openssh').decode().strip()}\n".encode()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # many boards may be met at once
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                line = b"\n" + line
            os.write(handle, line)
            os.fsync(handle)
            added = os.pread(handle, len(line), size) == line
        finally:
            os.close(handle)
    except OSError as exc:
        raise DeviceError(f"{path}: the key of {name} cannot be kept: {exc.strerror}") from exc
    if not added:
        raise DeviceError(f"{path}: the key of {name} was written, and is not there")


def known_hosts(paths: Sequence[Path]) -> SSHKnownHosts:
    """Lists of known hosts as one; a list that is not there is empty.

    Raises:
        DeviceError: one cannot be read.
    """
    text = ""
    for path in paths:
        try:
            text += (path.read_text() if path.exists() else "") + "\n"
            found: SSHKnownHosts = require("asyncssh").import_known_hosts(text)
        except (OSError, ValueError) as exc:
            raise DeviceError(f"{path}: no list of known hosts: {exc}") from exc
    return found
