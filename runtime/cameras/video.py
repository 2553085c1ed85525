"""A video file: every image of it, in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from edgenets.errors import SourceError
from edgenets.extras import require
from edgenets.native import captured_stderr

from . import HOW, Camera, Frame, Item, SourceNotice
from .capture import as_bgr, ffmpeg_options, opened

# A container may count a few images more than there are; a cut-off file lacks many.
_MISCOUNTED = 3


def open_camera(rest: str) -> Camera:
    """The file `rest`; errors as `edgenets.runtime.cameras.open_camera`."""
    return Video(Path(rest))


class Video(Camera):
    """A recording by OpenCV's FFmpeg."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        if not path.is_file():
            raise SourceError(f"{path}: no such file; {HOW}")
        cv2 = require("cv2")
        # Where another part has started FFmpeg before, it talks.
        with captured_stderr(), ffmpeg_options.for_files():
            capture = opened(lambda: cv2.VideoCapture(str(path), cv2.CAP_FFMPEG))
        if capture is None:
            raise SourceError(f"{path}: is no video that OpenCV can read, or a damaged one")
        self._capture = capture
        self.rate = float(self._capture.get(cv2.CAP_PROP_FPS)) or 25.0
        self._count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))

    def items(self) -> Iterator[Item]:
        """See `Camera.items`."""
        number = 0
        try:
            while not self._closed:
                done, image = self._capture.read()
                if not done:
                    break
                yield Frame(as_bgr(image), number, number / self.rate, time.monotonic())
                number += 1
        finally:
            self._capture.release()
        if self._closed:
            return
        if not number:
            raise SourceError(f"{self.name}: holds no image that can be decoded")
        if number < self._count - _MISCOUNTED:
            yield SourceNotice(
                "skipped",
                f"{self.name}: ends after {number} of {self._count} images; it is cut "
                f"off or damaged",
                self._count - number,
            )
