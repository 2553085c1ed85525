"""Scenarios of RTSP cameras that freeze, die and come back."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import numpy as np

from tests.truth import images
from tests.truth.ledger import Outcome, Verdict, numbers, once, run
from tests.vision.servers import _SYSTEM_PYTHON, RtspServer, free_port

RATE = 20  # images a second

# From the taking of an image to its arrival, frozen servers and their queues included.
_ON_THE_WAY = 2.5  # s

# Image n is taken at `epoch` + n / rate of the machine's monotonic clock, seen or not.
_SERVER = """
import sys, time
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
port, folder, epoch, rate = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])

def configure(_, media):
    source = media.get_element().get_by_name("camera")
    def take():
        number = round((time.monotonic() - epoch) * rate)
        with open("%s/%06d.jpg" % (folder, number), "rb") as image:
            source.emit("push-buffer", Gst.Buffer.new_wrapped(image.read()))
        due = epoch + (number + 1) / rate
        GLib.timeout_add(max(1, round(1000 * (due - time.monotonic()))), take)
        return False
    take()

server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( appsrc name=camera is-live=true do-timestamp=true format=time "
    "caps=image/jpeg,framerate=%d/1,width=256,height=96 ! rtpjpegpay name=pay0 pt=26 )" % rate
)
factory.set_shared(True)
factory.connect("media-configure", configure)
server.get_mount_points().add_factory("/test", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
"""


class NumberedServer(RtspServer):
    """Serves the images of a folder, each at its time."""

    def __init__(self, folder: Path, epoch: float, port: int) -> None:
        self.port, self.url = port, f"rtsp://127.0.0.1:{port}/test"
        self._process = subprocess.Popen(
            [_SYSTEM_PYTHON, "-c", _SERVER, str(port), str(folder), str(epoch), str(RATE)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready", "the RTSP server does not start"


def rtsp(seed: int, out: Path, seconds: float = 16.0) -> Verdict:
    """One camera: it freezes for a while, dies, and comes back."""
    rng = np.random.default_rng(seed)
    folder = out / "images"
    folder.mkdir()
    count = int(4 * seconds * RATE)
    for number in range(count):
        (folder / f"{number:06d}.jpg").write_bytes(images.jpeg(number))
    port, over, epoch = free_port(), threading.Event(), time.monotonic()

    def live() -> None:
        server = NumberedServer(folder, epoch, port)
        time.sleep(seconds / 4)
        server.freeze()
        time.sleep(float(rng.uniform(0.5, 2.0)))
        server.thaw()
        time.sleep(seconds / 4)
        server.kill()
        time.sleep(float(rng.uniform(0.2, 2.0)))
        server = NumberedServer(folder, epoch, port)
        time.sleep(seconds / 2 + 3.0)
        over.set()
        time.sleep(2.0)
        server.kill()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    time.sleep(1.0)
    url = f"rtsp://127.0.0.1:{port}/test"
    outcome = run(("image-classify", url, "--backend", "null"), out, until=over.is_set)
    thread.join()
    verdict = Verdict(f"RTSP {seed}", "RTSP", 0, 2)
    _hold(verdict, outcome, epoch)
    return verdict


def _hold(verdict: Verdict, outcome: Outcome, epoch: float) -> None:
    seen = numbers(verdict, outcome.of("seen"))
    got = [event["number"] for event in seen]
    verdict.items = len(got)
    once(verdict, got, sorted(set(got)))
    verdict.hold(len(got) > 5 * RATE, "hardly an image came")
    for event in seen:
        off = event["at"] - event["age"] - (epoch + event["number"] / RATE)
        verdict.hold(
            -1 / RATE <= off <= _ON_THE_WAY, f"image {event['number']}: captured {off:+.3f} s later"
        )
    for kind in ("lost", "back"):
        verdict.hold(bool(outcome.of(kind)), f"the camera died, and no '{kind}' was said")
    verdict.hold(outcome.code == 0, f"exit code {outcome.code}, not 0")
