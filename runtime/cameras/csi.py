"""The camera on a board's ribbon cable: `csi:0?size=1280x720&rate=30`.

On a Raspberry Pi by picamera2, on a Jetson by NVIDIA's GStreamer source. Neither
was tried on a board yet: both are driven in the tests by what stands in for them.
"""

from __future__ import annotations

import importlib
import time
from typing import Any

from edgenets.errors import SourceError
from edgenets.extras import require
from edgenets.tasks.vision.image import Image
from edgenets.uri import split_options

from . import options
from .capture import Capture, LiveCamera, as_bgr, opened

_SIZE, _RATE = (1280, 720), 30.0


def open_camera(rest: str) -> LiveCamera:
    """The camera `rest`; errors as `edgenets.runtime.cameras.open_camera`."""
    name, given = split_options(rest, ("size", "rate"))
    if not (name or "0").isdigit():
        raise SourceError(f"csi:{rest}: a number is needed, as in csi:0")
    size = options.size(given) or _SIZE
    rate = options.number(given, "rate", 0.1, 1000) or _RATE
    number = int(name or 0)
    try:
        library = importlib.import_module("picamera2")
    except ImportError:
        return JetsonCamera(number, size, rate)
    return PiCamera(number, size, rate, library)


class PiCamera(LiveCamera):
    """libcamera by picamera2, which comes with Raspberry Pi OS."""

    def __init__(self, number: int, size: tuple[int, int], rate: float, library: Any) -> None:
        self._number, self._size, self._rate, self._library = number, size, rate, library
        super().__init__(f"csi:{number}")

    def _open(self) -> Capture:
        try:
            camera = self._library.Picamera2(self._number)
            # What libcamera calls RGB888 has blue first, as OpenCV has it.
            wanted = {"size": self._size, "format": "RGB888"}
            controls = {"FrameRate": self._rate}
            camera.configure(
                camera.create_video_configuration(main=wanted, controls=controls, buffer_count=3)
            )
            camera.start()
        except (RuntimeError, IndexError, OSError) as exc:
            raise SourceError(
                f"{self.name}: cannot be opened: {exc}. Is the ribbon cable in, and does "
                f"`rpicam-hello --list-cameras` show it?"
            ) from exc
        return _PiCapture(camera)


class _PiCapture:
    """picamera2 with the face of a cv2.VideoCapture."""

    def __init__(self, camera: Any) -> None:
        self._camera = camera

    def read(self) -> tuple[bool, Image | None]:
        """The next image."""
        try:
            return True, as_bgr(self._camera.capture_array("main"))
        except (RuntimeError, OSError, TimeoutError):
            time.sleep(0.01)
            return False, None

    def release(self) -> None:
        """Let it go."""
        self._camera.stop()
        self._camera.close()


class JetsonCamera(LiveCamera):
    """`nvarguscamerasrc`, through an OpenCV that was built with GStreamer (JetPack's is)."""

    def __init__(self, number: int, size: tuple[int, int], rate: float) -> None:
        self._number, self._size, self._rate = number, size, rate
        super().__init__(f"csi:{number}")

    @property
    def pipeline(self) -> str:
        """What GStreamer is given; the last queue keeps the newest image alone."""
        width, height = self._size
        return (
            f"nvarguscamerasrc sensor-id={self._number} ! "
            f"video/x-raw(memory:NVMM),width={width},height={height},"
            f"framerate={round(self._rate)}/1 ! nvvidconv ! video/x-raw,format=BGRx ! "
            f"videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
        )

    def _open(self) -> Capture:
        cv2 = require("cv2")
        if "GStreamer:                   YES" not in cv2.getBuildInformation():
            raise SourceError(
                f"{self.name}: neither picamera2 (Raspberry Pi: apt-get install "
                f"python3-picamera2) nor an OpenCV with GStreamer (Jetson: JetPack's own) is here"
            )
        capture = opened(lambda: cv2.VideoCapture(self.pipeline, cv2.CAP_GSTREAMER))
        if capture is None:
            raise SourceError(f"{self.name}: GStreamer does not open: {self.pipeline}")
        return capture
