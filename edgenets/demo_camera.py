"""The camera's part of the demonstration: a stream in the network, watched live, without a camera.

A drawn blood smear goes out as MJPEG over loopback, as a network camera would send
it; the shipped detector runs on it with the live page.
"""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from edgenets import zoo
from edgenets.events import WatchSummary
from edgenets.extras import require
from edgenets.selection import select
from edgenets.tasks.vision.smear import Smear

SHIPPED = "object-detect"

RATE = 25.0  # images a second

_BOUNDARY = "frame"


@dataclass(frozen=True)
class Watched:
    """What it came to."""

    bundle: str
    artifact: str
    summary: WatchSummary


def possible() -> bool:
    """Whether the detector ships, and what it needs is installed."""
    return SHIPPED in zoo.shipped() and find_spec("cv2") is not None


def watch_demo(seconds: float, say: Callable[[str], None]) -> Watched:
    """Run the shipped detector on a stream of the drawing.

    Args:
        seconds: for how long.
        say: called with the live page's address.

    Raises:
        MissingExtra: OpenCV is not installed.
        SourceError: the stream cannot be opened.
    """
    from edgenets.runtime.load import load
    from edgenets.runtime.open import RunOptions, open_run

    bundle = zoo.load(SHIPPED)
    selected = select(bundle)
    with stream(Smear()) as url:
        run = open_run(bundle, load(bundle, selected), (url,), options=RunOptions(seconds=seconds))
        sinks = ("web:0",) if find_spec("uvicorn") is not None else ()
        summary = run.deliver(sinks, say)
        assert isinstance(summary, WatchSummary), "a model of images is run"
        return Watched(SHIPPED, selected.artifact.id, summary)


@contextlib.contextmanager
def stream(smear: Smear) -> Iterator[str]:
    """Serve the drawing as MJPEG on loopback; the URL."""
    cv2: Any = require("cv2")
    ended = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            self.end_headers()
            begun = time.monotonic()
            number = 0
            with contextlib.suppress(OSError):  # who looked has gone
                while not ended.is_set():
                    _, data = cv2.imencode(".jpg", smear.view(number / RATE))
                    head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: "
                    self.wfile.write(f"{head}{len(data)}\r\n\r\n".encode() + bytes(data) + b"\r\n")
                    number += 1
                    ended.wait(max(0.0, begun + number / RATE - time.monotonic()))

        def log_message(self, *_: object) -> None:
            """Nobody wants to read it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="demo camera", daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/smear.mjpg"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
