"""The page's routes, as an ASGI application."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgenets.files import Json

from .metrics import exposition
from .state import State

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

# Figures go to viewers so often.
_TICK = 0.25  # s

# A viewer is asked no more often whether there is a new image; about 30 a second.
_LOOK = 0.03  # s

_ASSETS = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}

_JSON = "application/json"

_COOKIE = "edgenets"

_LONGEST_POST = 4096  # bytes

_HEADERS = {
    # Nothing from other hosts, and in nobody's frame.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

# Only a script of the page itself can send this: a form of another site cannot.
_OWN = "x-edgenets"

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


class Page:
    """The application. `token` None: whoever reaches it on loopback may look."""

    def __init__(
        self, state: State, token: str | None, patience: float, host: str = "127.0.0.1"
    ) -> None:
        """Make it.

        Args:
            state: of the run.
            token: what a viewer must bring.
            patience: s without a result after which it is not healthy.
            host: the address that it is bound to.
        """
        self._names = _LOOPBACK_NAMES | {host.lower(), f"[{host.lower()}]"}
        self._state, self._token, self._patience = state, token, patience
        self.ending = False
        from starlette.applications import Starlette
        from starlette.routing import Route

        routes = [Route(path, self._asset) for path in _ASSETS]
        routes += [
            Route("/events", self._events),
            Route("/state", self._snapshot),
            Route("/image/{number:int}.jpg", self._image),
            Route("/stream/{number:int}.mjpg", self._stream),
            Route("/threshold", self._threshold, methods=["POST"]),
            Route("/metrics", self._metrics),
            Route("/healthz", self._health),
        ]
        self._inner = Starlette(routes=routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        from starlette.requests import Request

        request = Request(scope)
        refusal = self._refusal(request)
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(k.lower().encode(), v.encode()) for k, v in _HEADERS.items()]
                if self._token is not None and request.query_params.get("token"):
                    cookie = f"{_COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/"
                    extra.append((b"set-cookie", cookie.encode()))
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        await self._inner(scope, receive, dressed)

    def _refusal(self, request: Request) -> Response | None:
        """An answer to those who may not look, or None."""
        if self._token is None:
            # A name that somebody else points here (DNS rebinding) is none of this machine's.
            host = request.headers.get("host", "").rpartition(":")
            name = host[0] if host[1] and host[2].isdigit() else request.headers.get("host", "")
            if name.lower() not in self._names:
                return _text("not by this name\n", 403)
            return None
        brought = (
            request.query_params.get("token")
            or request.cookies.get(_COOKIE)
            or request.headers.get("authorization", "").removeprefix("Bearer ")
        )
        if brought and hmac.compare_digest(brought.encode(), self._token.encode()):
            return None
        return _text("a token is needed: /?token=…\n", 401)

    async def _asset(self, request: Request) -> Response:
        name, kind = _ASSETS[request.url.path]
        return _answer((Path(__file__).parent / name).read_bytes(), kind)

    async def _snapshot(self, request: Request) -> Response:
        return _answer(_json(self._state.snapshot()), _JSON)

    async def _events(self, request: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            heard = 0
            while not self.ending:
                snapshot = await asyncio.to_thread(self._state.snapshot, heard)
                heard = snapshot["sound"]["count"] if snapshot["sound"] else 0
                yield f"data: {_json(snapshot).decode()}\n\n"
                await asyncio.sleep(_TICK)

        return _streamed(lines(), "text/event-stream")

    async def _image(self, request: Request) -> Response:
        found = await asyncio.to_thread(self._state.jpeg, self._name(request))
        if found is None:
            return _text("no image yet\n", 404)
        return _answer(found[1], "image/jpeg")

    async def _stream(self, request: Request) -> Response:
        """MJPEG. Every viewer gets the newest image when he has taken the last one."""
        name = self._name(request)

        async def parts() -> AsyncIterator[bytes]:
            shown = -1
            while not self.ending:
                if self._state.version(name) == shown:
                    await asyncio.sleep(_LOOK)
                    continue
                found = await asyncio.to_thread(self._state.jpeg, name)
                if found is None:
                    await asyncio.sleep(_LOOK)
                    continue
                shown, data = found
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                yield head.encode() + data + b"\r\n"

        kind = "multipart/x-mixed-replace; boundary=frame"
        return _streamed(parts(), kind)

    async def _threshold(self, request: Request) -> Response:
        if _OWN not in request.headers:
            return _text("not from this page\n", 403)
        try:
            posted = json.loads(await _body(request))
            self._state.run.set_threshold(str(posted["label"]), float(posted["value"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            return _text(f"no threshold: {exc}\n", 400)
        return _answer(b"", None, 204)

    async def _metrics(self, request: Request) -> Response:
        data, kind = await asyncio.to_thread(exposition, self._state)
        return _answer(data, kind)

    async def _health(self, request: Request) -> Response:
        last = self._state.last_result
        ago = None if last is None else round(time.monotonic() - last, 1)
        well = self._state.healthy(self._patience)
        answer = {"healthy": well, "last_result_s_ago": ago}
        return _answer(_json(answer), _JSON, 200 if well else 503)

    def _name(self, request: Request) -> str:
        names = self._state.names()
        number = request.path_params["number"]
        return names[number] if number < len(names) else ""


def _answer(body: bytes, kind: str | None, status: int = 200) -> Response:
    from starlette.responses import Response

    # By a header: Starlette would add its own charset to a text's.
    return Response(body, status, None if kind is None else {"Content-Type": kind})


def _text(text: str, status: int) -> Response:
    return _answer(text.encode(), "text/plain; charset=utf-8", status)


def _streamed(parts: AsyncIterator[str] | AsyncIterator[bytes], kind: str) -> Response:
    from starlette.responses import StreamingResponse

    return StreamingResponse(parts, media_type=kind)


def _json(plain: Json) -> bytes:
    return json.dumps(plain).encode()


async def _body(request: Request) -> bytes:
    """What was posted; ValueError where it is longer than a request can be."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_POST:
            raise ValueError("that is too long")
    return body
