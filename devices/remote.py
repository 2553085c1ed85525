"""A board's shell over SSH.

One connection serves many commands. Errors of asyncssh become `DeviceError` here and
nowhere else, each with what to do about it.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenets.errors import DeviceError
from edgenets.extras import require

from .address import SSH_PORT, Address
from .trust import Trust, fingerprint

if TYPE_CHECKING:
    from asyncssh import SSHClientConnection, SSHCompletedProcess

# A Pi Zero on a busy network answers within this; so does an emulated board.
CONNECT_TIMEOUT = 20.0  # s

# A board that loses its power says nothing: three questions without an answer end a connection.
KEEPALIVE_INTERVAL = 10.0  # s
KEEPALIVE_COUNT = 3

COMMAND_TIMEOUT = 120.0  # s; longer work says so itself

_CHUNK = 1 << 18  # bytes


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """The last line, which gives the reason, for a message."""
        lines = (self.err.strip() or self.out.strip()).splitlines()
        return lines[-1] if lines else f"exit code {self.code}"


class Remote:
    """An open connection to a board."""

    def __init__(self, connection: SSHClientConnection, address: Address) -> None:
        self._connection = connection
        self.address = address
        self._sudo: tuple[str, ...] | None = None  # not yet known

    async def run(
        self,
        command: str,
        *,
        data: bytes = b"",
        timeout: float = COMMAND_TIMEOUT,
        check: bool = True,
    ) -> Answer:
        """Run a command of the board's shell.

        Raises:
            DeviceError: the connection is lost, it takes too long, or, with `check`, it fails.
        """
        with self._errors(f"no end of `{_short(command)}` after {timeout:.0f} s"):
            async with asyncio.timeout(timeout):
                done = await self._connection.run(command, input=data, encoding=None)
        answer = self._answer(done, f"in `{_short(command)}`")
        if check and answer.code:
            raise DeviceError(f"{self.address}: `{_short(command)}` failed: {answer.reason}")
        return answer

    async def root(
        self,
        command: str,
        *,
        data: bytes = b"",
        timeout: float = COMMAND_TIMEOUT,
        check: bool = True,
    ) -> Answer:
        """Run a command as root; errors as `run`.

        Raises:
            DeviceError: this user may not.
        """
        line = await self.as_root(command)
        return await self.run(line, data=data, timeout=timeout, check=check)

    async def as_root(self, command: str) -> str:
        """The line that runs a command as root; errors as `root`."""
        if self._sudo is None:
            found = await self.run("id -u; sudo -n true 2>&1", check=False)
            user, _, refusal = found.out.partition("\n")
            if user.strip() == "0":
                self._sudo = ()
            elif not found.code:
                self._sudo = ("sudo", "-n", "--")
            else:
                raise DeviceError(
                    f"{self.address}: installing needs root, and this user has no sudo without a "
                    f"password ({refusal.strip() or 'sudo: not found'}). Log in as root, or allow "
                    f"it: echo 'USER ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/edgenets"
                )
        return shlex.join([*self._sudo, "sh", "-c", command])

    async def stream(self, command: str, write: Callable[[str], object]) -> None:
        """Run a command and pass on its lines as they come, until it ends.

        Raises:
            DeviceError: the connection is lost.
        """
        with self._errors("it fell silent"):
            process = await self._connection.create_process(command, errors="replace")
            async for line in process.stdout:
                write(line)

    async def send(
        self,
        command: str,
        write: Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None]],
        timeout: float,
    ) -> Answer:
        """Run a command and stream its stdin, at the pace of the board.

        Args:
            write: given a function that sends bytes; its return ends stdin.

        Raises:
            DeviceError: as `run`; a command that ends before all was sent gives its reason.
        """
        with self._errors(f"sending took over {timeout:.0f} s"):
            async with asyncio.timeout(timeout):
                process = await self._connection.create_process(command, encoding=None)

                async def push(data: bytes) -> None:
                    for start in range(0, len(data), _CHUNK):
                        process.stdin.write(data[start : start + _CHUNK])
                        await process.stdin.drain()

                try:
                    await write(push)
                    process.stdin.write_eof()
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it ended early; what it said comes below
                done = await process.wait()
        return self._answer(done, "while sending")

    def _answer(self, done: SSHCompletedProcess, when: str) -> Answer:
        """What asyncssh reports of a command that ended.

        Raises:
            DeviceError: the connection ended, and not the command.
        """
        if done.exit_status is None:
            raise DeviceError(f"{self.address}: the connection was lost {when}")
        out, err = (
            said if isinstance(said, str) else bytes(said or b"").decode("utf-8", "replace")
            for said in (done.stdout, done.stderr)
        )
        return Answer(done.exit_status, out, err)

    @contextmanager
    def _errors(self, too_long: str) -> Iterator[None]:
        """What goes wrong on an open connection, as a DeviceError."""
        asyncssh = require("asyncssh")
        try:
            yield
        except TimeoutError as exc:
            raise DeviceError(f"{self.address}: {too_long}") from exc
        except (asyncssh.Error, OSError) as exc:
            raise DeviceError(f"{self.address}: the connection was lost: {_text(exc)}") from exc


@asynccontextmanager
async def connect(
    address: Address, *, accept_new: bool = False, timeout: float = CONNECT_TIMEOUT
) -> AsyncIterator[Remote]:
    """Connect to a board; ends with the block.

    Args:
        accept_new: trust a board whose key is not known yet; a known board with another key is
            refused all the same.

    Raises:
        DeviceError: it is not reached, not trusted, or does not let this user in.
    """
    connection = await _open(address, accept_new, timeout)
    try:
        yield Remote(connection, address)
    finally:
        connection.close()


async def _open(address: Address, accept_new: bool, timeout: float) -> SSHClientConnection:
    asyncssh = require("asyncssh")
    options: dict[str, Any] = {
        "connect_timeout": timeout,
        "login_timeout": timeout,
        "keepalive_interval": KEEPALIVE_INTERVAL,
        "keepalive_count_max": KEEPALIVE_COUNT,
    }
    if address.user is not None:
        options["username"] = address.user
    if address.port is not None:
        options["port"] = address.port
    if address.key is not None:
        options["client_keys"] = [str(address.key)]
    trust = Trust((), accept_new)
    try:
        trust.lists = _lists(address, options)
        if trust.lists:
            options["known_hosts"] = trust.match
            options["client_factory"] = trust.client
        connection: SSHClientConnection = await asyncssh.connect(address.host, **options)
        return connection
    except asyncssh.HostKeyNotVerifiable as exc:
        reason = trust.refusal or f"its host key is not trusted ({_text(exc)})"
        if trust.is_new:
            port = f"-p {address.port} " if address.port else ""
            reason += f". Look at it once: ssh {port}{address.host}, or give --accept-new"
        raise DeviceError(f"{address}: {reason}") from exc
    except asyncssh.KeyExchangeFailed as exc:
        given = {k: v for k, v in options.items() if k not in ("known_hosts", "client_factory")}
        reason = await _of_another_kind(trust, address, given) or (
            f"not reached at port {address.port or SSH_PORT}: {_text(exc)}"
        )
        raise DeviceError(f"{address}: {reason}") from exc
    except asyncssh.PermissionDenied as exc:
        raise DeviceError(
            f"{address}: does not let this user in ({_text(exc)}). Copy a key there: "
            f"ssh-copy-id {address}, or give --key"
        ) from exc
    except (asyncssh.Error, OSError, TimeoutError) as exc:
        raise DeviceError(
            f"{address}: not reached at port {address.port or SSH_PORT}: {_text(exc)}"
        ) from exc
    except ValueError as exc:  # a key file that is none
        raise DeviceError(f"{address}: {address.key}: {_text(exc)}") from exc


def _lists(address: Address, options: Mapping[str, object]) -> list[Path]:
    """The lists of known hosts that count; none: OpenSSH's configuration says not to look."""
    if address.known_hosts is not None:
        return [address.known_hosts]
    made = require("asyncssh").SSHClientConnectionOptions(host=address.host, **options)
    if made.known_hosts is None:
        return []
    return [Path(path).expanduser() for path in made.known_hosts] or [
        Path.home() / ".ssh" / "known_hosts"
    ]


async def _of_another_kind(trust: Trust, address: Address, options: Mapping[str, object]) -> str:
    """That a host is known, and shows no key of the kinds that it is known by; else nothing.

    Such a connection ends before a key is looked at, so the key is asked for by itself.
    """
    asyncssh = require("asyncssh")
    made = asyncssh.SSHClientConnectionOptions(host=address.host, **options)
    known = trust.known(made.host, "", made.port)
    if not known:
        return ""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            key = await asyncssh.get_server_host_key(made.host, made.port)
    except (asyncssh.Error, OSError, TimeoutError):
        return ""
    if key is None or key in known:
        return ""
    return trust.changed(made.host, made.port, known, fingerprint(key))


def _text(exc: BaseException) -> str:
    return str(exc) or type(exc).__name__


def _short(command: str) -> str:
    return command if len(command) <= 60 else f"{command[:57]}…"
