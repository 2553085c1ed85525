"""Who may look at the page."""

from __future__ import annotations

import hmac
import math
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from .answers import text
from .gate import group_of
from .guesses import Guesses

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

# Holds the token; it is good beyond the end of a run.
_COOKIE = "edgenets"

# Holds what the server drew for this run. Nobody can guess it, so whoever has it is let in while
# others guess tokens at the same address.
_VIEWER = "edgenets-viewer"

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


class Access:
    """Judges requests. Without a token whoever reaches the page by a name of its own may look."""

    def __init__(self, token: str | None, host: str, secure: bool = False) -> None:
        """Make it.

        Args:
            token: what a viewer must bring.
            host: the address that the page is bound to.
            secure: whether it is served over TLS, so that cookies go over nothing else.
        """
        self._names = _LOOPBACK_NAMES | {host.lower(), f"[{host.lower()}]"}
        self._token, self._secure = token, secure
        self._viewer = secrets.token_urlsafe(32)
        self._guesses = Guesses()
        self.say: Callable[[str, str], None] = lambda kind, text: None

    @property
    def is_open(self) -> bool:
        """Whether no token is asked for."""
        return self._token is None

    def refusal(self, request: Request) -> Response | None:
        """An answer to those who may not look, or None."""
        if self._token is None:
            return self._by_name(request)
        if _same(request.cookies.get(_VIEWER), self._viewer):
            return None
        address = group_of(request.client.host if request.client else "")
        wait = self._guesses.wait(address)
        brought = (
            request.query_params.get("token")
            or request.cookies.get(_COOKIE)
            or request.headers.get("authorization", "").removeprefix("Bearer ")
        )
        if wait and brought:
            seconds = math.ceil(wait)
            answer = text(f"too many wrong tokens; try again in {seconds} s\n", 429)
            answer.headers["Retry-After"] = str(seconds)
            return answer
        if _same(brought, self._token):
            return None
        if brought:
            self._guesses.failed(address)
            self.say("wrong token", f"a wrong token from {address}")
        answer = text("a token is needed: /?token=…\n", 401)
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def cookies(self, request: Request) -> list[str]:
        """What a browser that was let in keeps; [] where it has it, or is no browser."""
        if self._token is None or _same(request.cookies.get(_VIEWER), self._viewer):
            return []
        if not (request.query_params.get("token") or request.cookies.get(_COOKIE)):
            return []
        rest = "HttpOnly; SameSite=Strict; Path=/" + ("; Secure" if self._secure else "")
        return [f"{_COOKIE}={self._token}; {rest}", f"{_VIEWER}={self._viewer}; {rest}"]

    def _by_name(self, request: Request) -> Response | None:
        # A name that somebody else points here (DNS rebinding) is none of this machine's.
        given = request.headers.get("host", "")
        name, colon, port = given.rpartition(":")
        name = name if colon and port.isdigit() else given
        return None if name.lower() in self._names else text("not by this name\n", 403)


def _same(brought: str | None, right: str) -> bool:
    return bool(brought and hmac.compare_digest(brought.encode(), right.encode()))
