"""`web:PORT?host=ADDRESS&token=SECRET&patience=10&cert=FILE&key=FILE`: the live page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgenets.credentials import credential
from edgenets.errors import SinkError, SourceError
from edgenets.events import Event
from edgenets.extras import require
from edgenets.uri import shown, split_options

from .server import Address, Server, is_loopback
from .state import State
from .tls import certificate

if TYPE_CHECKING:
    from ..run import Run

# Where a token may stand instead of the command line, which other users can read.
TOKEN_VARIABLE = "EDGENETS_WEB_TOKEN"

_SHORTEST_TOKEN = 12  # characters
_PATIENCE = 10.0  # s without a result after which /healthz is red

_OPTIONS = ("host", "token", "patience", "cert", "key")


def open_sink(rest: str) -> WebSink:
    """Serve the page; port 0 takes a free one."""
    try:
        port, options = split_options(rest, _OPTIONS, "host=0.0.0.0&token=…")
        patience = float(options.get("patience", _PATIENCE))
    except (SourceError, ValueError) as exc:
        raise SinkError(f"{shown(f'web:{rest}')}: {exc}") from exc
    if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        raise SinkError(f"{shown(f'web:{rest}')}: a port is needed, as in web:8080")
    if not 0 < patience < float("inf"):
        raise SinkError(f"{shown(f'web:{rest}')}: patience is a number of seconds above 0")
    host = options.get("host", "127.0.0.1")
    token = options.get("token") or credential("WEB_TOKEN")
    _check_token(token, port, host)
    if "key" in options and "cert" not in options:
        raise SinkError(f"web:{port}: a key is of a certificate: ?cert=FILE&key=FILE")
    tls = None if "cert" not in options else certificate(options["cert"], options.get("key"))
    return WebSink(Address(host, int(port), tls), token, patience)


def _check_token(token: str | None, port: str, host: str) -> None:
    if token is not None and len(token) < _SHORTEST_TOKEN:
        raise SinkError(f"web:{port}: a token of {_SHORTEST_TOKEN} characters or more is needed")
    if token is None and not is_loopback(host):
        raise SinkError(
            f"web:{port}: {host} is reached by other machines, so a token is needed: "
            f"?host={host}&token=…, or {TOKEN_VARIABLE}=… in the environment"
        )


class WebSink:
    """Shows the run to whoever looks; looking costs the run nothing but the processor's time."""

    def __init__(self, address: Address, token: str | None, patience: float) -> None:
        require("starlette.applications")
        from .access import Access
        from .app import Page

        self.complain: Callable[[str], None] = lambda text: None
        self._state = State()
        access = Access(token, address.host, secure=address.tls is not None)
        page = Page(self._state, access, patience)
        self._server = Server(page, address, lambda text: self.complain(text))
        self._state.refused = self._server.refused
        host = "127.0.0.1" if address.host in ("0.0.0.0", "::") else address.host
        host = f"[{host}]" if ":" in host else host
        scheme = "http" if address.tls is None else "https"
        mark = "" if token is None else "/?token=…"
        self.address = f"{scheme}://{host}:{self._server.port}{mark}"

    def steer(self, run: Run[Any] | None) -> str:
        """See `edgenets.runtime.sinks.Steering`."""
        self._state.attach(run)
        self._server.begin()  # not before: there would be nothing to show, and none to steer
        return f"live page: {self.address}"

    def write(self, event: Event) -> None:
        """Show an event."""
        self._state.take(event)

    def close(self) -> None:
        """End the server."""
        self._server.close()
