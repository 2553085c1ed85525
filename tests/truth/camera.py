"""A network camera that follows a script: MJPEG over HTTP on loopback, with faults."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.truth import images


@dataclass(frozen=True)
class Act:
    """One thing that the camera does."""

    do: str  # a word of `ACTS`
    wait: float = 0.04  # s before it
    at: float = 0.5  # part of the image that is sent, where it is cut


@dataclass(frozen=True)
class Sent:
    """One image that was sent."""

    number: int
    time: float  # s of time.monotonic() when its last byte was given to the network
    whole: bool


# What it can do, and whether it is a fault.
ACTS = {
    "send": False,
    "cut": True,  # an image that ends early, then the next boundary
    "sealed": True,  # an image that ends early, closed by an end mark, its length as announced
    "holed": True,  # a piece of the compressed data is missing
    "garbage": True,  # bytes that are no image
    "empty": True,  # a part without a body
    "again": True,  # the image before once more: a server that repeats itself
    "stall": True,  # nothing comes for a while
    "close": True,  # the connection ends after a whole image
    "torn": True,  # the connection ends in the middle of an image
}


class Scripted:
    """The acts in their order, over as many connections as it takes."""

    def __init__(self, acts: Sequence[Act]) -> None:
        self._acts, self._at = list(acts), 0
        self.sent: list[Sent] = []
        self.done = threading.Event()
        self._lock = threading.Lock()

    def serve(self, write: Callable[[bytes], Any]) -> None:
        """One connection: until it is to end, or nothing is left to do."""
        with self._lock:
            while self._at < len(self._acts):
                act = self._acts[self._at]
                self._at += 1
                time.sleep(act.wait)
                if not self._do(act, write):
                    return
            write(b"--frame--\r\n")
            self.done.set()

    def _do(self, act: Act, write: Callable[[bytes], Any]) -> bool:
        """Whether the connection goes on."""
        number = len(self.sent)
        data = images.jpeg(number)
        cut = max(700, int(act.at * len(data)))
        if act.do == "close":
            return False
        if act.do == "stall":
            return True
        if act.do == "again":
            number = max(0, number - 1)
            self._part(images.jpeg(number), write)
            return True
        if act.do in ("garbage", "empty"):
            self._part(b"" if act.do == "empty" else bytes(range(256)) * 4, write)
            return True
        if act.do == "torn":
            self._head(len(data), write)
            write(data[:cut])
            self._note(number, whole=False)
            return False
        body = {
            "send": data,
            "cut": data[:cut],
            "sealed": data[:cut] + b"\xff\xd9",
            "holed": data[:cut] + data[cut + len(data) // 8 :],
        }[act.do]
        self._part(body, write)
        self._note(number, whole=act.do == "send")
        return True

    def _part(self, body: bytes, write: Callable[[bytes], Any]) -> None:
        self._head(len(body), write)
        write(body + b"\r\n")

    @staticmethod
    def _head(length: int, write: Callable[[bytes], Any]) -> None:
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"
        write(head.encode())

    def _note(self, number: int, whole: bool) -> None:
        self.sent.append(Sent(number, time.monotonic(), whole))


@contextlib.contextmanager
def camera(script: Scripted) -> Iterator[str]:
    """The URL of a camera that follows a script; whoever asks after its end gets 503."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if script.done.is_set():
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(OSError):
                script.serve(self.wfile.write)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/stream.mjpg"
    finally:
        server.shutdown()
        server.server_close()
