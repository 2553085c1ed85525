"""The page's routes, as an ASGI application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from .access import Access
from .answers import JSON, answer, encoded, streamed, text
from .metrics import exposition
from .posted import Refused, threshold
from .state import State

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route
    from starlette.types import Message, Receive, Scope, Send

    Endpoint = Callable[[Request], Awaitable[Response]]

# Figures go to viewers so often.
_TICK = 0.25  # s

# A viewer is asked no more often whether there is a new image; about 30 a second.
_LOOK = 0.03  # s

_ASSETS = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/images.js": ("images.js", "text/javascript; charset=utf-8"),
}

_HEADERS = {
    # Nothing from other hosts, and in nobody's frame.
    # Images of the page are read from its own stream, and shown as blobs.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; form-action 'none'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

# Without a token any page that this machine's browser opens could show the images. With one,
# whoever knows it may: a dashboard's <img src="…/stream/0.mjpg?token=…">.
_OPEN = {"Cross-Origin-Resource-Policy": "same-origin"}

# Only a script of the page itself can send this: a form of another site cannot.
_OWN = "x-edgenets"

# A stream may be asked for before its source has shown anything; a run has no more sources.
_MOST_SOURCES = 64
_LONGEST_NUMBER = 4  # digits

_READ = ("GET", "HEAD")

_MJPEG = "multipart/x-mixed-replace; boundary=frame"
_EVENTS = "text/event-stream"


class Page:
    """The application."""

    def __init__(self, state: State, access: Access, patience: float) -> None:
        """Make it.

        Args:
            state: of the run.
            access: who may look.
            patience: s without a result after which it is not healthy.
        """
        self.access = access
        self._state, self._patience = state, patience
        self._headers = _HEADERS | (_OPEN if access.is_open else {})
        self.ending = False
        # One thread encodes for all viewers: one at a time could anyway, and each thread that does
        # keeps buffers of its own (OpenCV 5: 6 MB, and viewers' threads are many).
        self._encoder = ThreadPoolExecutor(1, thread_name_prefix="page-images")
        from starlette.applications import Starlette

        self._inner = Starlette(
            routes=[
                *(_route(path, self._asset) for path in _ASSETS),
                _route("/events", self._events),
                _route("/state", self._snapshot),
                _route("/image/{number}.jpg", self._image),
                _route("/stream/all.mjpg", self._all),
                _route("/stream/{number}.mjpg", self._stream),
                _route("/threshold", self._threshold, ("POST",)),
                _route("/metrics", self._metrics),
                _route("/healthz", self._health),
            ]
        )
        # A redirection would be made of the Host header, which anybody writes.
        self._inner.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        from starlette.requests import Request

        request = Request(scope)
        refusal = self.access.refusal(request)
        cookies = [] if refusal is not None else self.access.cookies(request)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(k.lower().encode(), v.encode()) for k, v in self._headers.items()]
                extra += [(b"set-cookie", cookie.encode()) for cookie in cookies]
                if refusal is not None or message["status"] in (408, 413):
                    # Whoever may not look, or sends what nobody reads, holds no connection.
                    extra.append((b"connection", b"close"))
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        await (self._inner if refusal is None else refusal)(scope, receive, dressed)

    async def _asset(self, request: Request) -> Response:
        name, kind = _ASSETS[request.scope["path"]]
        return answer((Path(__file__).parent / name).read_bytes(), kind)

    async def _snapshot(self, request: Request) -> Response:
        return answer(encoded(self._state.snapshot()), JSON)

    async def _events(self, request: Request) -> Response:
        if request.method == "HEAD":
            return answer(b"", _EVENTS)

        async def lines() -> AsyncIterator[str]:
            heard = 0
            while not self.ending:
                snapshot = await asyncio.to_thread(self._state.snapshot, heard)
                heard = snapshot["sound"]["count"] if snapshot["sound"] else 0
                yield f"data: {encoded(snapshot).decode()}\n\n"
                await asyncio.sleep(_TICK)
            yield "event: ended\ndata: {}\n\n"

        return streamed(lines(), _EVENTS)

    async def _image(self, request: Request) -> Response:
        number, names = _number(request), self._state.names()
        if number is None or number >= len(names):
            return text("no image of that number\n", 404)
        found = await self._jpeg(names[number])
        if found is None:
            return text("no image of that number\n", 404)
        return answer(found[1], "image/jpeg")

    async def _jpeg(self, source: str) -> tuple[int, bytes] | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._encoder, self._state.jpeg, source)

    async def _stream(self, request: Request) -> Response:
        """MJPEG of one source, from its first image on."""
        number = _number(request)
        if number is None or number >= _MOST_SOURCES:
            return text("no source of that number\n", 404)
        if request.method == "HEAD":
            return answer(b"", _MJPEG)
        return streamed(self._parts(number), _MJPEG)

    async def _all(self, request: Request) -> Response:
        """MJPEG of all sources in one connection, each part with its source's number.

        A browser opens six connections to a host at most, in all its windows.
        """
        if request.method == "HEAD":
            return answer(b"", _MJPEG)
        return streamed(self._parts(), _MJPEG)

    async def _parts(self, only: int | None = None) -> AsyncIterator[bytes]:
        """Every viewer gets the newest image of a source when he has taken the last one."""
        shown: dict[str, int] = {}
        while not self.ending:
            news = [
                (number, name)
                for number, name in enumerate(self._state.names())
                if only in (None, number) and self._state.version(name) != shown.get(name)
            ]
            for number, name in news:
                found = await self._jpeg(name)
                if found is None:
                    continue
                shown[name], data = found
                head = (
                    f"--frame\r\nContent-Type: image/jpeg\r\nX-Source: {number}\r\n"
                    f"Content-Length: {len(data)}\r\n\r\n"
                )
                yield head.encode() + data + b"\r\n"
            if not news:
                await asyncio.sleep(_LOOK)

    async def _threshold(self, request: Request) -> Response:
        if _OWN not in request.headers:
            return text("not from this page\n", 403)
        try:
            label, value = await threshold(request)
            self._state.run.set_threshold(label, value)
        except Refused as exc:
            return text(f"no threshold: {exc}\n", exc.status)
        except (ValueError, AttributeError) as exc:
            return text(f"no threshold: {exc}\n", 400)
        return answer(b"", None, 204)

    async def _metrics(self, request: Request) -> Response:
        data, kind = await asyncio.to_thread(exposition, self._state)
        return answer(data, kind)

    async def _health(self, request: Request) -> Response:
        last = self._state.last_result
        ago = None if last is None else round(time.monotonic() - last, 1)
        well = self._state.healthy(self._patience)
        found = {"healthy": well, "last_result_s_ago": ago}
        return answer(encoded(found), JSON, 200 if well else 503)


def _number(request: Request) -> int | None:
    """The number in a path; None where it is none of a source."""
    digits: str = request.path_params["number"].lstrip("0") or "0"
    # Python makes no number of very many digits, and other scripts have theirs.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER):
        return None
    return int(digits)


def _route(path: str, endpoint: Endpoint, methods: tuple[str, ...] = _READ) -> Route:
    """A route that says which methods it takes to those who ask."""
    from starlette.routing import Route

    allowed = (*methods, "OPTIONS")

    async def answered(request: Request) -> Response:
        if request.method != "OPTIONS":
            return await endpoint(request)
        found = answer(b"", None, 204)
        found.headers["Allow"] = ", ".join(allowed)
        return found

    return Route(path, answered, methods=list(allowed))
