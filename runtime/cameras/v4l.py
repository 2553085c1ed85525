"""A V4L2 camera: `camera:0`, `camera:/dev/video2?size=1280x720&rate=30&format=MJPG`.

`depth=12` says what a camera of 16 bits really gives."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from edgenets.errors import SourceError
from edgenets.extras import require
from edgenets.painter import harmless
from edgenets.tasks.vision.image import MOST_PIXELS_OF_NETWORK, Rules
from edgenets.uri import split_options

from . import options
from .capture import Capture, LiveCamera, opened
from .decoding import undecoded

_KNOWN = ("size", "rate", "format", "depth", "max-pixels")


def open_camera(rest: str) -> LiveCamera:
    """The camera `rest`; errors as `edgenets.runtime.cameras.open_camera`."""
    name, given = split_options(rest, _KNOWN)
    code = given.get("format")
    if code is not None and len(code) != 4:
        raise SourceError(f"format={code}: four letters are needed, as in MJPG or YUYV")
    wanted = (options.size(given), options.number(given, "rate", 0.1, 1000), code)
    return Webcam(name or "0", wanted, options.rules(given, MOST_PIXELS_OF_NETWORK))


class Webcam(LiveCamera):
    """A Video4Linux device by OpenCV."""

    def __init__(
        self,
        device: str,
        wanted: tuple[tuple[int, int] | None, float | None, str | None],
        rules: Rules,
    ) -> None:
        """Open it.

        Args:
            device: its number or path.
            wanted: size in pixels, images a second, and format; None: as it likes.
        """
        self._device = device
        self._size, self._rate, self._code = wanted
        super().__init__(harmless(f"camera:{device}"), rules)

    def _open(self) -> Capture:
        cv2 = require("cv2")
        path = Path(f"/dev/video{self._device}" if self._device.isdigit() else self._device)
        _check(path, self.name)
        target: Any = int(self._device) if self._device.isdigit() else str(path)
        capture = opened(lambda: cv2.VideoCapture(target, cv2.CAP_V4L2))
        if capture is None:
            raise SourceError(
                f"{self.name}: {path} gives no images; it may be another program's, or no "
                f"camera (`v4l2-ctl --list-devices` shows which are)"
            )
        self._configure(capture)
        # A frame of MJPEG may be cut by a bad cable; OpenCV would fill it up.
        return undecoded(capture, self.name, self._rules, v4l=True)

    def _configure(self, capture: Capture) -> None:
        """Ask for what is wished; a camera that answers with something else is an error."""
        cv2 = require("cv2")
        if self._code is not None:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*self._code))
        if self._size is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        if self._rate is not None:
            capture.set(cv2.CAP_PROP_FPS, self._rate)
        # A queue of old images is what nobody wants to look at.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        properties = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        found = tuple(int(capture.get(p)) for p in properties)
        if self._size is not None and found != self._size:
            capture.release()
            raise SourceError(
                f"{self.name}: cannot do {self._size[0]}x{self._size[1]}; it offers "
                f"{found[0]}x{found[1]} (`v4l2-ctl --list-formats-ext` shows all)"
            )


def _check(path: Path, name: str) -> None:
    """Say what is wrong with a device before OpenCV says nothing."""
    if not path.exists():
        there = ", ".join(sorted(p.name for p in Path("/dev").glob("video*"))) or "none"
        raise SourceError(f"{name}: there is no {path}; there are: {there}")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as exc:
        hint = {
            errno.EBUSY: "another program has it",
            errno.EACCES: "this user may not use it (group video)",
        }.get(exc.errno or 0, os.strerror(exc.errno or 0))
        raise SourceError(f"{name}: {path} cannot be opened: {hint}") from exc
