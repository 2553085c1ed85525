"""`web:PORT?host=ADDRESS&token=SECRET&patience=10`: the live page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgenets.credentials import credential
from edgenets.errors import SinkError, SourceError
from edgenets.events import Event
from edgenets.extras import require
from edgenets.uri import shown, split_options

from .server import Server, is_loopback
from .state import State

if TYPE_CHECKING:
    from ..run import Run

# Where a token may stand instead of the command line, which other users can read.
TOKEN_VARIABLE = "EDGENETS_WEB_TOKEN"

_SHORTEST_TOKEN = 12  # characters
_PATIENCE = 10.0  # s without a result after which /healthz is red


def open_sink(rest: str) -> WebSink:
    """Serve the page; port 0 takes a free one."""
    try:
        port, options = split_options(rest, ("host", "token", "patience"), "host=0.0.0.0&token=…")
        patience = float(options.get("patience", _PATIENCE))
    except (SourceError, ValueError) as exc:
        raise SinkError(f"{shown(f'web:{rest}')}: {exc}") from exc
    if not (port.isdigit() and int(port) < 65536 and patience > 0):
        raise SinkError(f"{shown(f'web:{rest}')}: a port is needed, as in web:8080")
    host = options.get("host", "127.0.0.1")
    token = options.get("token") or credential("WEB_TOKEN")
    if token is not None and len(token) < _SHORTEST_TOKEN:
        raise SinkError(f"web:{port}: a token of {_SHORTEST_TOKEN} characters or more is needed")
    if token is None and not is_loopback(host):
        raise SinkError(
            f"web:{port}: {host} is reached by other machines, so a token is needed: "
            f"?host={host}&token=…, or {TOKEN_VARIABLE}=… in the environment"
        )
    return WebSink(host, int(port), token, patience)


class WebSink:
    """Shows the run to whoever looks; looking costs the run nothing but the processor's time."""

    def __init__(self, host: str, port: int, token: str | None, patience: float) -> None:
        require("starlette.applications")
        from .app import Page

        self._state = State()
        self._server = Server(Page(self._state, token, patience, host), host, port)
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        mark = "" if token is None else "/?token=…"
        self.address = f"http://{shown}:{self._server.port}{mark}"

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
