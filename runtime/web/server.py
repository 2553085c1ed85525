"""The page's server: uvicorn in a thread of its own, behind a gate."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgenets.errors import SinkError
from edgenets.extras import require

from .gate import TAKEN_WITHIN, Gate
from .logs import SparingLog

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from .app import Page


# A server that has not begun after this long will not.
_START = 10.0  # s

# Viewers that do not let go are let go of.
_LAST_WAIT = 2.0  # s

# asyncio takes up no more connections at a time.
_BACKLOG = 64

# A viewer that asks for nothing more keeps its connection for so long.
_KEPT = 5  # s

# A request's head: a browser's is about 1 KB.
_LONGEST_HEAD = 16 << 10  # bytes


@dataclass(frozen=True)
class Address:
    """Where a page is served."""

    host: str
    port: int  # 0: a free one
    tls: ssl.SSLContext | None = None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Server:
    """Serves a page from its begin to its close."""

    def __init__(self, page: Page, address: Address, complain: Callable[[str], None]) -> None:
        """Bind; who comes now waits until it begins.

        Args:
            complain: called with what a person should know, from another thread.

        Raises:
            SinkError: the port is in use, or the address is none of this machine.
        """
        self._page = page
        self._gate = _bound(address)
        self.refused = self._gate.refused
        self._log = SparingLog(complain)
        self._gate.say = page.access.say = self._log.say
        self.port = int(self._gate.getsockname()[1])
        uvicorn: Any = require("uvicorn")
        config = uvicorn.Config(
            self._served, log_config=None, log_level="error", access_log=False, lifespan="off",
            interface="asgi3", ws="none", http="h11", server_header=False,
            timeout_graceful_shutdown=1, proxy_headers=False, backlog=_BACKLOG,
            timeout_keep_alive=_KEPT, h11_max_incomplete_event_size=_LONGEST_HEAD,
        )  # fmt: skip
        config.load()
        config.ssl = address.tls  # files are read once, by the one who says what is wrong with them
        self._server: Any = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)

    def begin(self) -> None:
        """Serve.

        Raises:
            SinkError: it does not come up.
        """
        self._thread.start()
        done = threading.Event()
        for _ in range(int(_START / 0.02)):
            if self._server.started or not self._thread.is_alive():
                break
            done.wait(0.02)
        if not self._server.started:
            self._gate.close()
            raise SinkError(f"the server at port {self.port} has not begun to serve")

    def close(self) -> None:
        """End it; viewers that never read do not hold it up."""
        self._page.ending = self._log.ended = True
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_LAST_WAIT)
            self._server.force_exit = True
            self._thread.join(_LAST_WAIT)
        self._gate.close()

    def _serve(self) -> None:
        # The selector's loop on every system: it asks the listening socket, which is the gate.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._guarded())

    async def _guarded(self) -> None:
        self._log.attach()
        sweeping = [asyncio.create_task(self._gate.sweep()), asyncio.create_task(self._due())]
        try:
            await self._server.serve(sockets=[self._gate])
        finally:
            for task in sweeping:
                task.cancel()
            self._log.detach()

    async def _due(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._log.due()

    async def _served(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The page, for a viewer that takes what it is sent."""
        with self._gate.serving(scope.get("client")) as connection:

            async def timed(message: Message) -> None:
                try:
                    async with asyncio.timeout(TAKEN_WITHIN):
                        await send(message)
                except TimeoutError:
                    if connection is None:
                        raise
                    # The message is lost with its connection; the page hears that it is gone.
                    self._gate.drop(connection, "a viewer that takes nothing")

            await self._page(scope, receive, timed)


def _bound(address: Address) -> Gate:
    host, port = address.host, address.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = Gate(family, plain=address.tls is None)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as exc:
        listening.close()
        raise SinkError(f"{host}:{port}: {exc.strerror}; choose another port") from exc
    return listening
