"""Real servers of the tests' own, on loopback, stopped by their own process ids."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

# A busy machine with two cores needs about two seconds for any of this.
PATIENCE = 20.0  # s

# Run by Debian's own Python, which has GStreamer's bindings.
_RTSP = """
import sys
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( videotestsrc is-live=true pattern=ball "
    "! video/x-raw,format=I420,width=320,height=240,framerate=%s/1 "
    "! jpegenc ! rtpjpegpay name=pay0 pt=26 )" % sys.argv[2]
)
factory.set_shared(True)
server.get_mount_points().add_factory("/test", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
"""

_SYSTEM_PYTHON = "/usr/bin/python3"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rtsp_missing() -> str | None:
    """Why there can be no RTSP server here, or None."""
    if not Path(_SYSTEM_PYTHON).exists():
        return f"no {_SYSTEM_PYTHON}"
    wanted = (
        "import gi; gi.require_version('GstRtspServer', '1.0');"
        "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
        "assert all(Gst.ElementFactory.find(n) for n in ('jpegenc', 'rtpjpegpay', 'videotestsrc'))"
    )
    done = subprocess.run([_SYSTEM_PYTHON, "-c", wanted], capture_output=True)
    if done.returncode:
        return "no GStreamer RTSP server (Debian: gir1.2-gst-rtsp-server-1.0, python3-gi, …-good)"
    return None


class RtspServer:
    """A ball that bounces, as JPEG over RTSP."""

    def __init__(self, port: int | None = None, rate: int = 20) -> None:
        self.port = port or free_port()
        self.url = f"rtsp://127.0.0.1:{self.port}/test"
        self._process = subprocess.Popen(
            [_SYSTEM_PYTHON, "-c", _RTSP, str(self.port), str(rate)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready", "the RTSP server does not start"

    def freeze(self) -> None:
        """It stays connected, and sends nothing more."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait(PATIENCE)


def mosquitto_missing() -> str | None:
    tools = [t for t in ("mosquitto", "mosquitto_sub") if find(t) is None]
    return (
        f"not installed: {', '.join(tools)} (Debian: mosquitto, mosquitto-clients)"
        if tools
        else None
    )


def find(tool: str) -> str | None:
    """Where a program is; Debian keeps servers in /usr/sbin."""
    return shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/usr/bin")


class Broker:
    """mosquitto, with one subscriber that writes down all that it gets."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        config = folder / f"mosquitto-{self.port}.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        program = find("mosquitto")
        assert program is not None
        self._broker = subprocess.Popen(
            [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_port(self.port)
        self.heard = folder / f"heard-{time.monotonic_ns()}.txt"
        detector = find("mosquitto_sub")
        assert detector is not None
        with self.heard.open("w") as out:
            self._detector = subprocess.Popen(
                [detector, "-p", str(self.port), "-h", "127.0.0.1", "-t", "#", "-q", "1"],
                stdout=out, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        time.sleep(0.5)  # it says nothing when it has subscribed

    def lines(self) -> list[str]:
        return self.heard.read_text().splitlines()

    def kill(self) -> None:
        for process in (self._detector, self._broker):
            process.kill()
            process.wait(PATIENCE)


def wait_for_port(port: int, host: str = "127.0.0.1") -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 0.5):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}")


class WebHook:
    """An HTTP server that keeps what is posted, and answers as it is told."""

    def __init__(self, port: int = 0) -> None:
        self.posted: list[bytes] = []
        self.answer = 200
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.answer < 300:
                    hook.posted.append(body)
                self.send_response(hook.answer)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def mjpeg(count: int | None = None, rate: float = 20.0, port: int = 0) -> Iterator[str]:
    """The URL of an MJPEG stream of a growing square; it ends after `count` images."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            number = 0
            with contextlib.suppress(OSError):
                while count is None or number < count:
                    image = np.full((120, 160, 3), 90, np.uint8)
                    image[20 : 30 + number % 60, 20 : 30 + number % 60] = (0, 0, 255)
                    data = bytes(cv2.imencode(".jpg", image)[1])
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}"
                    self.wfile.write(f"{head}\r\n\r\n".encode() + data + b"\r\n")
                    number += 1
                    time.sleep(1 / rate)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/stream.mjpg"
    finally:
        server.shutdown()
        server.server_close()


def write_video(path: Path, count: int = 40, width: int = 160, height: int = 120) -> Path:
    """Images whose mean brightness is their number."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 20.0, (width, height))
    assert writer.isOpened()
    for number in range(count):
        writer.write(np.full((height, width, 3), 20 + 4 * number, np.uint8))
    writer.release()
    return path
