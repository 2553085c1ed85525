"""A camera behind `http://` or `https://`: who answers, with what, and what that is read by.

The connection is Python's own: it says why it fails, follows no redirect to another host, and
what comes is looked at before a decoder gets it. MJPEG and still images are read here; another
video is handed to FFmpeg through a pipe, so that FFmpeg itself asks no address.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

from edgenets.errors import SourceError
from edgenets.extras import require
from edgenets.painter import harmless
from edgenets.tasks.vision import image

from . import container
from .capture import Capture, ffmpeg_options, opened
from .decoding import check_size, undecoded
from .multipart import MOST_BYTES, Parts, Stream, boundary_of

# A still image is asked for again so often.
_STILL_EVERY = 1.0  # s

# A first image takes no longer than so many times the patience for one answer.
_FIRST_IMAGE = 3

# So much is looked through for a first JPEG.
_MOST_PARTS = 20

_PLAYLISTS = ("mpegurl", "dash+xml", "application/sdp", "x-ms-asf", "smil", "scpls", "vnd.ms-sstr")


def open_url(url: str, name: str, patience: float, rules: image.Rules) -> Capture:
    """What a URL gives images by.

    Args:
        name: of the source in messages, without secrets.
        patience: s until a server that sends nothing is given up.

    Raises:
        SourceError: nobody answers, or not with images; the message says which.
    """
    response = _asked(url, name, patience)
    kind = response.headers.get_content_type() if response.headers.get("Content-Type") else ""
    try:
        if any(word in kind for word in _PLAYLISTS):
            raise SourceError(f"{name}: {_PLAYLIST}")
        if kind.startswith("image/"):
            still = Still(url, name, patience, rules)
            still.take(response)
            return still
        # A server may send a byte now and then, and never an image.
        stream = Stream(response, time.monotonic() + _FIRST_IMAGE * patience)
        head = stream.peek(container.HEAD)
        if kind.startswith("multipart/") or head.lstrip(b"\r\n").startswith(b"--"):
            parts = Parts(stream, boundary_of(response.headers.get("Content-Type", "")))
            return Mjpeg(parts, response, name, rules)
        if head.startswith(b"\xff\xd8\xff"):
            return Mjpeg(Parts(stream, b""), response, name, rules)
        return _by_ffmpeg(stream, response, (kind, head), name, rules)
    except (OSError, http.client.HTTPException) as exc:
        response.close()
        raise SourceError(f"{name}: {_reason(exc, url)}") from exc
    except SourceError:
        response.close()
        raise


class Mjpeg:
    """JPEGs one after another in one answer, with the face of a cv2.VideoCapture."""

    def __init__(self, parts: Parts, response: IO[bytes], name: str, rules: image.Rules) -> None:
        """Begin.

        Raises:
            SourceError: no JPEG comes.
            OSError: nothing comes.
        """
        self._parts, self._response, self._name, self._rules = parts, response, name, rules
        self._first: bytes | None = None
        for _ in range(_MOST_PARTS):
            data = parts.next()
            if data is None:
                raise SourceError(f"{name}: the stream ends before a JPEG has come")
            if data.startswith(b"\xff\xd8"):
                self._first = data
                parts.forever()
                return
        raise SourceError(f"{name}: no JPEG is in the stream: {_MOST_PARTS} parts were none")

    def read(self) -> tuple[bool, image.Image | None]:
        """The next image.

        Raises:
            DataError: it came, and is cut off or damaged; the next may be whole.
        """
        data, self._first = self._first, None
        if data is None:
            try:
                data = self._parts.next()
            except (OSError, ValueError, http.client.HTTPException):
                return False, None  # silent for too long, closed, or no MJPEG any more
        if data is None:
            return False, None
        return True, image.decode(data, self._name, self._rules)

    def release(self) -> None:
        """Close the connection."""
        self._response.close()


class Still:
    """A URL that answers with one image: asked for once a second."""

    def __init__(self, url: str, name: str, patience: float, rules: image.Rules) -> None:
        self._url, self._name, self._patience, self._rules = url, name, patience, rules
        self._waiting: bytes | None = None
        self._taken_at = 0.0

    def take(self, response: http.client.HTTPResponse) -> None:
        """Read an answer; one that is cut off is kept, to be refused as an image."""
        with contextlib.closing(response):
            self._taken_at = time.monotonic()
            try:
                self._waiting = response.read(MOST_BYTES)
            except http.client.IncompleteRead as exc:
                self._waiting = exc.partial

    def read(self) -> tuple[bool, image.Image | None]:
        """See `Mjpeg.read`."""
        if self._waiting is None:
            time.sleep(max(0.0, self._taken_at + _STILL_EVERY - time.monotonic()))
            try:
                self.take(_asked(self._url, self._name, self._patience))
            except (SourceError, OSError, http.client.HTTPException):
                return False, None
        data, self._waiting = self._waiting, None
        return True, image.decode(data or b"", self._name, self._rules)

    def release(self) -> None:
        """There is nothing to let go."""


class Piped:
    """Another video that comes over HTTP, decoded by FFmpeg from a pipe."""

    def __init__(self, capture: Capture, response: IO[bytes]) -> None:
        self._capture, self._response = capture, response

    def read(self) -> tuple[bool, image.Image | None]:
        """See `Mjpeg.read`."""
        done, pixels = self._capture.read()
        return bool(done), pixels

    def release(self) -> None:
        """Close the connection, which ends the pipe."""
        self._response.close()
        self._capture.release()


_PLAYLIST = (
    "answers with a list of other addresses, none of which is asked; give the address of the "
    "stream itself (rtsp://…, or http://… of MJPEG)"
)


def _by_ffmpeg(
    stream: Stream, response: IO[bytes], what: tuple[str, bytes], name: str, rules: image.Rules
) -> Capture:
    """A video that is no MJPEG.

    Raises:
        SourceError: it is none that holds its own images, or FFmpeg does not read it.
    """
    kind, head = what
    if container.is_playlist(head):
        raise SourceError(f"{name}: {_PLAYLIST}")
    found = container.kind_of(head)
    if not found:
        page = head.lstrip()[:1] == b"<" or "html" in kind
        shown = "a web page (HTML)" if page else f"'{harmless(kind) or 'no type'}'"
        raise SourceError(
            f"{name}: answers with {shown}, not with images; is the path that of the stream?"
        )
    cv2 = require("cv2")
    stream.until = None
    reader, writer = os.pipe()
    threading.Thread(target=_pump, args=(stream, writer), name=name, daemon=True).start()
    try:
        with ffmpeg_options.for_files():
            capture = opened(lambda: cv2.VideoCapture(f"/dev/fd/{reader}", cv2.CAP_FFMPEG))
    finally:
        os.close(reader)
    if capture is None:
        hint = " (an MP4 needs its index in front)" if found == "mp4" else ""
        raise SourceError(f"{name}: answers with {found} video that OpenCV does not read{hint}")
    check_size(capture, name, rules)
    return Piped(undecoded(capture, name, rules), response)


def _pump(stream: Stream, writer: int) -> None:
    """Pass on what comes, until either side ends."""
    try:
        while data := stream.some():
            view = memoryview(data)
            while view:
                view = view[os.write(writer, view) :]
    except (OSError, ValueError, http.client.HTTPException):
        pass  # FFmpeg went, or the server: the other side sees the end of the pipe
    finally:
        os.close(writer)


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Redirects to the same host alone, and never from TLS to none: what answers chooses them."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        upgrade = (old.scheme, new.scheme) == ("http", "https") and not new.port
        same = upgrade or (new.netloc == old.netloc and new.scheme in ("http", "https"))
        if new.hostname != old.hostname or not same:
            to = harmless(f"{new.scheme}://{new.hostname}:{new.port or ''}".rstrip(":"))
            raise SourceError(f"sends to another address, {to}, which is not asked; give that one")
        if old.scheme == "https" != new.scheme:
            raise SourceError("sends from https to http, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _asked(url: str, name: str, patience: float) -> http.client.HTTPResponse:
    """The answer to a request, with the user and password of the URL where they are asked for.

    Raises:
        SourceError: there is none, or a refusal.
    """
    parts = urlsplit(url)
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    host = parts.netloc.rpartition("@")[2]
    bare = urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
    if parts.username is not None:
        user, password = unquote(parts.username), unquote(parts.password or "")
        passwords.add_password(None, bare, user, password)
    handlers: list[urllib.request.BaseHandler] = [_SameHost()]
    if parts.username is not None:
        handlers.append(urllib.request.HTTPDigestAuthHandler(passwords))
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
    opener = urllib.request.build_opener(*handlers)
    try:
        answer: http.client.HTTPResponse = opener.open(
            urllib.request.Request(bare, headers={"User-Agent": "edgenets"}), timeout=patience
        )
    except SourceError as exc:
        raise SourceError(f"{name}: {exc}") from exc
    except (OSError, ValueError, http.client.HTTPException) as exc:
        raise SourceError(f"{name}: {_reason(exc, url)}") from exc
    return answer


_REFUSALS = {
    403: "refuses this address (403 Forbidden)",
    404: "has nothing at this path (404 Not Found); which one its stream has, its manual says",
    503: "is busy (503): cameras allow few viewers at once",
}


def _reason(exc: Exception, url: str) -> str:
    """Why a request failed."""
    parts = urlsplit(url)
    if isinstance(exc, urllib.error.HTTPError):
        exc.close()
        if exc.code == 401:
            return _unauthorized("http", parts.username is not None)
        return _REFUSALS.get(exc.code, f"answers with {exc.code} {harmless(str(exc.reason))}")
    if isinstance(exc, ValueError) and "following scheme" in str(exc):
        return _unauthorized("http", parts.username is not None)  # urllib's word for a refusal
    cause = exc.reason if isinstance(exc, urllib.error.URLError) else exc
    if isinstance(cause, Exception):
        return unreached(cause, parts.hostname or "", parts.port or (443 if "s:" in url else 80))
    return harmless(str(cause))


def _unauthorized(scheme: str, given: bool) -> str:
    if given:
        return "does not take this user name and password (401 Unauthorized)"
    return f"asks for a user and password (401 Unauthorized): {scheme}://USER:PASSWORD@HOST/…"


def unreached(exc: Exception, host: str, port: int) -> str:
    """Why nothing comes from a host, in words."""
    host = harmless(host)
    if isinstance(exc, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({exc.verify_message}); SSL_CERT_FILE=FILE names "
            f"one that is to be"
        )
    if isinstance(exc, ssl.SSLError):
        return f"port {port} does not speak TLS ({exc.reason}); is it http://?"
    if isinstance(exc, socket.gaierror):
        return f"no host is called '{host}' here ({exc.strerror})"
    if isinstance(exc, ConnectionRefusedError):
        return f"nothing listens on port {port} of {host}"
    if isinstance(exc, TimeoutError):
        return "nothing came in time: the host is away, or its server is silent"
    if isinstance(exc, http.client.HTTPException):
        return f"port {port} does not speak HTTP ({type(exc).__name__})"
    if isinstance(exc, OSError) and exc.strerror:
        return harmless(exc.strerror)
    return harmless(str(exc)) or type(exc).__name__
