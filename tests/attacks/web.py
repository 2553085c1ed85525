"""Attackers of the live page, on loopback: each holds many connections, and comes again when
it is thrown out."""

from __future__ import annotations

import contextlib
import errno
import itertools
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# An attacker that was thrown out comes again so soon.
_AGAIN = 0.25  # s

# TCP_CLOSE and TCP_CLOSE_WAIT, as struct tcp_info begins with them.
_OVER = (7, 8)

_HOST = b"Host: localhost\r\n"


@dataclass
class Client:
    """One connection of an attacker."""

    socket: socket.socket
    number: int
    sent: int = 0  # pieces
    next_at: float = 0.0  # monotonic s at which it does something


@dataclass(frozen=True)
class Attack:
    """What each client sends, and how often; None: nothing more."""

    name: str
    piece: Callable[[int, int], bytes | None]  # of a client's number and the piece's
    every: float = 1.0  # s
    reads: bool = True
    buffer: int | None = None  # bytes that its own side takes in
    let_in: bool = False  # whether it needs a page without a token
    tls: bool = False  # whether it is made for a page over TLS


def _flood(number: int, piece: int) -> bytes:
    head = b"GET / HTTP/1.1\r\n" + _HOST if piece == 0 else b""
    return head + b"".join(b"x-%d-%d: %s\r\n" % (piece, n, b"a" * 200) for n in range(20))


def _guess(number: int, piece: int) -> bytes:
    token = b"guess-%06d-%06d" % (number, piece)
    return b"GET /state HTTP/1.1\r\n" + _HOST + b"Authorization: Bearer " + token + b"\r\n\r\n"


def _slow_head(number: int, piece: int) -> bytes:
    return (b"GET / HTTP/1.1\r\n" + _HOST + b"X-Slow: " + b"a" * 100_000)[piece : piece + 1]


def _slow_body(number: int, piece: int) -> bytes:
    head = (
        b"POST /threshold HTTP/1.1\r\n" + _HOST + b"X-Edgenets: 1\r\nContent-Length: 4000\r\n\r\n"
    )
    return head if piece == 0 else b"a"


def _asked_for(path: bytes) -> Callable[[int, int], bytes | None]:
    request = b"GET " + path + b" HTTP/1.1\r\n" + _HOST + b"\r\n"
    return lambda number, piece: request if piece == 0 else None


ATTACKS = {
    attack.name: attack
    for attack in (
        Attack("half-open", lambda number, piece: None),
        Attack("slow head", _slow_head, every=0.5),
        Attack("header flood", _flood, every=0.01),
        Attack("slow body", _slow_body, every=0.5, let_in=True),
        Attack("slow reader", _asked_for(b"/stream/0.mjpg"), reads=False, buffer=2048, let_in=True),
        Attack("idle viewer", _asked_for(b"/healthz"), let_in=True),
        Attack("token guesses", _guess, every=0.05),
        Attack(
            "half a handshake",
            lambda number, piece: b"\x16\x03\x01" if piece == 0 else None,
            tls=True,
        ),
    )
}


@dataclass
class Tally:
    """What became of an attack."""

    opened: int = 0
    refused: int = 0  # closed or reset by the other side
    answers: dict[str, int] = field(default_factory=dict)  # status → count, of what was read


class Crowd:
    """Clients of one attack, all in a thread of their own, for as long as the block lasts."""

    def __init__(self, attack: Attack, port: int, count: int, host: str = "127.0.0.1") -> None:
        self._attack, self._count, self._to = attack, count, (host, port)
        self._ended = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._numbers = itertools.count()
        self._come_again: list[float] = []
        # Those that read nothing: to ask whether they can would be answered at once, all the time.
        self._mute: list[Client] = []
        self.tally = Tally()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(20)
        for client in self._clients():
            client.socket.close()
        self._selector.close()

    def _go_on(self) -> None:
        self._come_again = [0.0] * self._count
        while not self._ended.is_set():
            now = time.monotonic()
            due = [at for at in self._come_again if at <= now][:100]
            for at in due:
                self._come_again.remove(at)
                self._open()
            for key, _ in self._selector.select(0.01):
                self._heard(key.data)
            for client in self._clients():
                if client.next_at <= time.monotonic():
                    self._say(client)

    def _clients(self) -> list[Client]:
        return [key.data for key in self._selector.get_map().values()] + self._mute

    def _open(self) -> None:
        made = socket.socket()
        made.setblocking(False)
        if self._attack.buffer is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._attack.buffer)
        if made.connect_ex(self._to) not in (0, errno.EINPROGRESS):
            made.close()
            self._come_again.append(time.monotonic() + _AGAIN)
            return
        self.tally.opened += 1
        client = Client(made, next(self._numbers))
        if self._attack.reads:
            self._selector.register(made, selectors.EVENT_READ, client)
        else:
            client.next_at = time.monotonic() + 0.05
            self._mute.append(client)

    def _heard(self, client: Client) -> None:
        try:
            data = client.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data.startswith(b"HTTP/1.1 "):
            status = data[9:12].decode()
            self.tally.answers[status] = self.tally.answers.get(status, 0) + 1
        if not data:
            self._lost(client)

    def _say(self, client: Client) -> None:
        piece = self._attack.piece(client.number, client.sent)
        if not self._attack.reads:
            client.next_at = time.monotonic() + 0.25
            # A refusal is seen by its end, without a byte being read.
            ended = client.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _OVER
            if client.sent and ended:
                self._lost(client)
                return
        if piece is None:
            client.next_at = float("inf") if self._attack.reads else client.next_at
            return
        client.next_at = max(client.next_at, time.monotonic() + self._attack.every)
        try:
            client.socket.send(piece)
            client.sent += 1
        except BlockingIOError:
            pass
        except OSError:
            self._lost(client)

    def _lost(self, client: Client) -> None:
        with contextlib.suppress(KeyError, ValueError):
            if self._attack.reads:
                self._selector.unregister(client.socket)
            else:
                self._mute.remove(client)
        client.socket.close()
        self.tally.refused += 1
        self._come_again.append(time.monotonic() + _AGAIN)


# Requests that nobody's browser makes, with the statuses that are an answer to them.
_NOT_FOUND = {400, 404}
ODD: dict[str, tuple[bytes, set[int]]] = {
    "digits in an image's path": (b"GET /image/" + b"9" * 6000 + b".jpg", {404}),
    "digits in a stream's path": (b"GET /stream/" + b"1" * 4301 + b".mjpg", {404}),
    "zeros in front": (b"GET /image/" + b"0" * 6000 + b"77.jpg", {404}),
    "other scripts' digits": (b"GET /image/%D9%A1.jpg", {404}),
    "superscript digits": (b"GET /image/%C2%B2.jpg", {404}),
    "a sign": (b"GET /image/-1.jpg", {404}),
    "a fraction": (b"GET /image/1e9.jpg", {404}),
    "a zero byte": (b"GET /%00", {404}),
    "a zero byte in a number": (b"GET /image/0%00.jpg", {404}),
    "folders above": (b"GET /../../etc/passwd", {404}),
    "folders above, encoded": (b"GET /%2e%2e/%2e%2e/etc/passwd", {404}),
    "a file of the package": (b"GET /app.py", {404}),
    "not UTF-8": (b"GET /%ff%fe%80", {404}),
    "not UTF-8 in a number": (b"GET /stream/%ff.mjpg", {404}),
    "bytes above 127": (b"GET /\xff\xfe", _NOT_FOUND),
    "half an escape": (b"GET /%", {404}),
    "two slashes": (b"GET //", {404}),
    "a slash behind": (b"GET /page.css/", {404}),
    "another host's URL": (b"GET http://other.example/state", {404}),
    "no path": (b"GET *", {400, 404}),
    "a long path": (b"GET /" + b"a" * 15_000, {404}),
    "a path that is too long": (b"GET /" + b"a" * 200_000, {400, 431}),
    "a long query": (b"GET /state?" + b"a=b&" * 3500, {200}),
    "a query of percents": (b"GET /state?token=%ff%00%zz", {200, 401}),
    "HEAD of the page": (b"HEAD /", {200}),
    "HEAD of events": (b"HEAD /events", {200}),
    "HEAD of a stream": (b"HEAD /stream/0.mjpg", {200}),
    "HEAD of all streams": (b"HEAD /stream/all.mjpg", {200}),
    "OPTIONS of the page": (b"OPTIONS /", {204}),
    "OPTIONS of thresholds": (b"OPTIONS /threshold", {204}),
    "DELETE": (b"DELETE /", {405}),
    "TRACE": (b"TRACE /", {405}),
    "POST of the page": (b"POST /", {405}),
    "GET of thresholds": (b"GET /threshold", {405}),
    "a method of nobody": (b"PROPFIND /state", {405}),
}

# Head lines that are odd, each in an ordinary request.
ODD_HEADS: dict[str, tuple[bytes, set[int]]] = {
    "half an IPv6 address": (b"Host: [::1", {200, 403}),
    "an empty host": (b"Host: ", {200, 403}),
    "two hosts": (b"Host: a\r\nHost: b", {400}),
    "a host with spaces": (b"Host: a b c", {200, 400, 403}),
    "a host with @ and /": (b"Host: x@y/z:99999999999999999999", {200, 403}),
    "a host of bytes": (b"Host: \xff\xfe\x80", {200, 400, 403}),
    "an odd cookie": (_HOST + b'Cookie: edgenets="\\;;=;=a;\xff', {200, 400, 401}),
    "a long length": (_HOST + b"Content-Length: " + b"9" * 5000, {200, 400, 413}),
    "two lengths": (_HOST + b"Content-Length: 1\r\nContent-Length: 2", {400}),
    "a length below 0": (_HOST + b"Content-Length: -1", {400}),
    "an upgrade": (_HOST + b"Connection: upgrade\r\nUpgrade: websocket", {200}),
    "a range": (_HOST + b"Range: bytes=0-99999999999999999999999", {200}),
    "an expectation": (_HOST + b"Expect: 100-continue", {200}),
}


def ask(port: int, request: bytes, tls: ssl.SSLContext | None = None) -> tuple[int, bytes]:
    """Send bytes; the status and all that comes within two seconds. 0: nothing came."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        talking = plain if tls is None else tls.wrap_socket(plain)
        talking.settimeout(2.0)
        with contextlib.suppress(OSError):
            talking.sendall(request)
        with contextlib.suppress(OSError):
            while data := talking.recv(65536):
                answer += data
                if len(answer) > 1 << 20:
                    break
    head = answer[9:12]
    return int(head) if head.isdigit() else 0, answer


def odd_requests(extra: bytes = b"") -> Iterator[tuple[str, bytes, set[int]]]:
    """All odd requests, by name, with the statuses that are right.

    Args:
        extra: head lines that let a viewer in, each with its end.
    """
    close = b"Connection: close\r\n\r\n"
    for name, (line, right) in ODD.items():
        yield name, line + b" HTTP/1.1\r\n" + _HOST + extra + close, right
    for name, (head, right) in ODD_HEADS.items():
        closing = b"\r\n\r\n" if b"upgrade" in head else b"\r\n" + close
        yield name, b"GET /healthz HTTP/1.1\r\n" + extra + head + closing, right | {503}
