"""Why a stream by RTSP does not open: FFmpeg in OpenCV does not say, so the server is asked."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import urllib.request
from urllib.parse import unquote, urlsplit

from edgenets.painter import harmless

from .web import unreached

_PORTS = {"rtsp": 554, "rtsps": 322}
_MOST = 1 << 16  # bytes of an answer

_ANSWERS = {
    403: "refuses this address (403 Forbidden)",
    404: "has no stream at this path (404); which one it has, its manual says",
    451: "does not understand the request (451)",
    454: "has no such session (454)",
    503: "is busy (503): cameras allow few viewers at once",
}


def why_not(url: str, patience: float) -> str:
    """Why a stream cannot be opened, as far as its server says.

    Args:
        patience: s for connecting, and for each answer.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    except ValueError:
        return "its port is not a number"
    try:
        with _connected(parts.scheme, host, port, patience) as server:
            return _why(server, url, parts.username is not None)
    except (OSError, ValueError) as exc:
        if isinstance(exc, TimeoutError):
            return f"{harmless(host)} says nothing on port {port}: away, silent, or no RTSP server"
        return unreached(exc, host, port)


def _connected(scheme: str, host: str, port: int, patience: float) -> socket.socket:
    server = socket.create_connection((host, port), patience)
    if scheme == "rtsps":
        server = ssl.create_default_context().wrap_socket(server, server_hostname=host)
    return server


def _why(server: socket.socket, url: str, given: bool) -> str:
    code, answer = _described(server, url, "")
    if code == 401 and given:
        code, answer = _described(server, url, _authorization(url, answer))
        if code == 401:
            return "does not take this user name and password (401 Unauthorized)"
    if code == 401:
        return "asks for a user and password (401 Unauthorized): rtsp://USER:PASSWORD@HOST/…"
    if code == 0:
        return "what answers does not speak RTSP"
    if 300 <= code < 400:
        return "sends to another address, which is not asked; give that one"
    if code == 200:
        return f"answers, and OpenCV reads none of what it offers: {_offers(answer)}"
    return _ANSWERS.get(code, f"answers with {code}")


def _described(server: socket.socket, url: str, authorization: str) -> tuple[int, str]:
    """The status and the text of the answer to DESCRIBE; 0 of what is no RTSP."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    number = 2 if authorization else 1
    request = f"DESCRIBE {bare} RTSP/1.0\r\nCSeq: {number}\r\nAccept: application/sdp\r\n"
    server.sendall(f"{request}{authorization}\r\n".encode("utf-8", "replace"))
    data = b""
    while len(data) < _MOST:
        more = server.recv(4096)
        data += more
        head, end, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?im)^content-length:\s*(\d{1,6})", head)
        if not more or (end and len(body) >= int(length[1] if length else 0)):
            break
    found = re.match(rb"RTSP/\d\.\d (\d{3})", data)
    return (int(found[1]) if found else 0), data.decode("utf-8", "replace")


def _authorization(url: str, answer: str) -> str:
    """The header line that answers a challenge, by the arithmetic of Python's own HTTP."""
    parts = urlsplit(url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    digest = re.search(r"(?im)^www-authenticate:\s*digest\s+(.*)$", answer)
    if digest is None:
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        return f"Authorization: Basic {basic}\r\n"
    challenge = urllib.request.parse_keqv_list(urllib.request.parse_http_list(digest[1].strip()))
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, bare, user, password)
    handler = urllib.request.AbstractDigestAuthHandler(passwords)
    made = handler.get_authorization(_Request(bare), challenge)  # type: ignore[arg-type]
    return f"Authorization: Digest {made}\r\n" if made else ""


class _Request:
    """What Python's digest arithmetic asks a request for."""

    data = None

    def __init__(self, url: str) -> None:
        self.full_url = self.selector = url

    def get_method(self) -> str:
        """The method that the digest covers."""
        return "DESCRIBE"


def _offers(answer: str) -> str:
    """The codecs of a session's description."""
    codecs = re.findall(r"(?m)^a=rtpmap:\d+ ([\w.-]+)", answer)
    return harmless(", ".join(dict.fromkeys(codecs))) or "no stream that is named"
