"""The page's routes, as an ASGI application."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from edgenets.extras import require

from .metrics import exposition
from .state import State

# Figures go to viewers so often.
_TICK = 0.25  # s

# A viewer is asked no more often whether there is a new image; about 30 a second.
_LOOK = 0.03  # s

_ASSETS = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}

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
        routing = require("starlette.routing")
        self._answers: Any = require("starlette.responses")
        routes = [routing.Route(path, self._asset) for path in _ASSETS]
        routes += [
            routing.Route("/events", self._events),
            routing.Route("/state", self._snapshot),
            routing.Route("/image/{number:int}.jpg", self._image),
            routing.Route("/stream/{number:int}.mjpg", self._stream),
            routing.Route("/threshold", self._threshold, methods=["POST"]),
            routing.Route("/metrics", self._metrics),
            routing.Route("/healthz", self._health),
        ]
        self._inner = require("starlette.applications").Starlette(routes=routes)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        request = require("starlette.requests").Request(scope)
        refusal = self._refusal(request)
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def dressed(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = [(k.lower().encode(), v.encode()) for k, v in _HEADERS.items()]
                if self._token is not None and request.query_params.get("token"):
                    cookie = f"{_COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/"
                    extra.append((b"set-cookie", cookie.encode()))
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        await self._inner(scope, receive, dressed)

    def _refusal(self, request: Any) -> Any:
        """An answer to those who may not look, or None."""
        if self._token is None:
            # A name that somebody else points here (DNS rebinding) is none of this machine's.
            host = request.headers.get("host", "").rpartition(":")
            name = host[0] if host[1] and host[2].isdigit() else request.headers.get("host", "")
            if name.lower() not in self._names:
                return self._answers.PlainTextResponse("not by this name\n", 403)
            return None
        brought = (
            request.query_params.get("token")
            or request.cookies.get(_COOKIE)
            or request.headers.get("authorization", "").removeprefix("Bearer ")
        )
        if brought and hmac.compare_digest(brought.encode(), self._token.encode()):
            return None
        return self._answers.PlainTextResponse("a token is needed: /?token=…\n", 401)

    async def _asset(self, request: Any) -> Any:
        name, kind = _ASSETS[request.url.path]
        return self._answers.Response((Path(__file__).parent / name).read_bytes(), 200, None, kind)

    async def _snapshot(self, request: Any) -> Any:
        return self._answers.JSONResponse(self._state.snapshot())

    async def _events(self, request: Any) -> Any:
        async def lines() -> AsyncIterator[str]:
            heard = 0
            while not self.ending:
                snapshot = await asyncio.to_thread(self._state.snapshot, heard)
                heard = snapshot["sound"]["count"] if snapshot["sound"] else 0
                yield f"data: {json.dumps(snapshot)}\n\n"
                await asyncio.sleep(_TICK)

        return self._answers.StreamingResponse(lines(), media_type="text/event-stream")

    async def _image(self, request: Any) -> Any:
        found = await asyncio.to_thread(self._state.jpeg, self._name(request))
        if found is None:
            return self._answers.PlainTextResponse("no image yet\n", 404)
        return self._answers.Response(found[1], 200, None, "image/jpeg")

    async def _stream(self, request: Any) -> Any:
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
        return self._answers.StreamingResponse(parts(), media_type=kind)

    async def _threshold(self, request: Any) -> Any:
        if _OWN not in request.headers:
            return self._answers.PlainTextResponse("not from this page\n", 403)
        try:
            posted = json.loads(await _body(request))
            self._state.run.set_threshold(str(posted["label"]), float(posted["value"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            return self._answers.PlainTextResponse(f"no threshold: {exc}\n", 400)
        return self._answers.Response(status_code=204)

    async def _metrics(self, request: Any) -> Any:
        data, kind = await asyncio.to_thread(exposition, self._state)
        return self._answers.Response(data, 200, {"Content-Type": kind})

    async def _health(self, request: Any) -> Any:
        last = self._state.last_result
        ago = None if last is None else round(time.monotonic() - last, 1)
        well = self._state.healthy(self._patience)
        answer = {"healthy": well, "last_result_s_ago": ago}
        return self._answers.JSONResponse(answer, 200 if well else 503)

    def _name(self, request: Any) -> str:
        names = self._state.names()
        number = request.path_params["number"]
        return names[number] if number < len(names) else ""


async def _body(request: Any) -> bytes:
    """What was posted; ValueError where it is longer than a request can be."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_POST:
            raise ValueError("that is too long")
    return body
