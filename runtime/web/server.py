"""The page's server: uvicorn in a thread of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from typing import TYPE_CHECKING, Any

from edgenets.errors import SinkError
from edgenets.extras import require

if TYPE_CHECKING:
    from .app import Page


# A server that has not begun after this long will not.
_START = 10.0  # s

# Viewers that do not let go are let go of.
_LAST_WAIT = 2.0  # s


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

    def __init__(self, page: Page, host: str, port: int) -> None:
        """Bind; who comes now waits until it begins.

        Raises:
            SinkError: the port is in use, or the address is none of this machine.
        """
        self._page = page
        self._socket = _bound(host, port)
        self.port = int(self._socket.getsockname()[1])
        uvicorn: Any = require("uvicorn")
        config = uvicorn.Config(
            page, log_level="error", access_log=False, lifespan="off", ws="none",
            timeout_graceful_shutdown=1, server_header=False, proxy_headers=False,
        )  # fmt: skip
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
            self._socket.close()
            raise SinkError(f"the server at port {self.port} has not begun to serve")

    def close(self) -> None:
        """End it; viewers that never read do not hold it up."""
        self._page.ending = True
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_LAST_WAIT)
            self._server.force_exit = True
            self._thread.join(_LAST_WAIT)
        self._socket.close()

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(64)
    except OSError as exc:
        listening.close()
        raise SinkError(f"{host}:{port}: {exc.strerror}; choose another port") from exc
    return listening
