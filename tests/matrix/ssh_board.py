"""This machine as a board: a real SSH server on loopback, by asyncssh."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

# The server is there within this; it only binds a port.
PATIENCE = 20.0  # s


@dataclass(frozen=True)
class SshBoard:
    """Where a board answers, and with what."""

    port: int
    key: Path  # private, of the user
    known_hosts: Path

    @property
    def address(self) -> str:
        return f"root@127.0.0.1:{self.port}"

    @property
    def options(self) -> tuple[str, ...]:
        return ("--key", str(self.key), "--known-hosts", str(self.known_hosts))


@contextmanager
def ssh_board(folder: Path) -> Iterator[SshBoard]:
    """A server whose commands see `folder` as their home, for as long as the context lasts."""
    host, user = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    home, key, known = folder / "home", folder / "id", folder / "known_hosts"
    home.mkdir(parents=True)
    user.write_private_key(key)
    key.chmod(0o600)

    async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
        child = await asyncio.create_subprocess_shell(
            process.command or "true", cwd=home, env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
        process.exit(await child.wait())
        await process.wait_closed()

    async def serve() -> asyncssh.SSHAcceptor:
        allowed = asyncssh.import_authorized_keys(user.export_public_key().decode())
        return await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[host], authorized_client_keys=allowed,
            process_factory=answer, encoding=None,
        )  # fmt: skip

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(PATIENCE)
    port = server.get_port()
    line = f"[127.0.0.1]:{port} {host.export_public_key().decode()}"
    known.write_text(line)
    try:
        yield SshBoard(port, key, known)
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
