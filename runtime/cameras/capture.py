"""OpenCV's captures: opened, read, lost and opened again, in the thread that reads them."""

from __future__ import annotations

import os
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from edgenets.errors import SourceError
from edgenets.extras import optional, require
from edgenets.tasks.vision.image import Image

from . import Camera, Frame, Item, SourceNotice

# A stream that is away is tried again at once, then ever slower: a server that restarts is back
# in a second, a camera without power is not hammered on.
RETRY_FIRST, RETRY_LONGEST = 0.5, 8.0  # s

# How long `close` may go unnoticed while a source is away.
_NAP = 0.1  # s

# A server that takes longer to answer, or a stream that is silent for longer, is gone.
ANSWER_PATIENCE = 5.0  # s

# FFmpeg's options in OpenCV where the user has set none: UDP loses packets, and images then smear.
_FFMPEG = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_FFMPEG_DEFAULT = "rtsp_transport;tcp|fflags;nobuffer"

# FFmpeg reports every packet that it does not like on stderr; what matters is a notice.
_FFMPEG_LOG, _SILENT = "OPENCV_FFMPEG_LOGLEVEL", "-8"

# OpenCV's levels. A read that waited too long is a warning there, and a notice here.
_NOTHING, _ERRORS = 0, 2

Capture = Any  # cv2.VideoCapture


class LiveCamera(Camera):
    """A device or stream that is waited for when it goes away, not when it was never there."""

    live = True

    def __init__(self, name: str) -> None:
        """Open it.

        Raises:
            SourceError: it cannot be opened.
        """
        super().__init__(name)
        self._capture: Capture | None = self._open()

    @abstractmethod
    def _open(self) -> Capture:
        """An open capture, or SourceError."""

    def items(self) -> Iterator[Item]:
        """See `Camera.items`."""
        opened, number = time.monotonic(), 0
        try:
            while not self._closed:
                if self._capture is None:
                    yield from self._back()
                    continue
                done, image = self._read(self._capture)
                now = time.monotonic()
                if done:
                    yield Frame(image, number, now - opened, now)
                    number += 1
                elif not self._closed:
                    self._capture.release()
                    self._capture = None
                    yield SourceNotice("lost", f"{self.name}: no more images come; trying again")
        finally:
            if self._capture is not None:
                self._capture.release()

    def _read(self, capture: Capture) -> tuple[bool, Image]:
        try:
            done, image = capture.read()
        except require("cv2").error:  # a format that its converters do not know
            return False, np.empty((0, 0, 3), np.uint8)
        return bool(done and image is not None and image.size), as_bgr(image)

    def _back(self) -> Iterator[Item]:
        """Try until it is back, or `close` is called."""
        gone, delay = time.monotonic(), RETRY_FIRST
        while not self._closed:
            until = time.monotonic() + delay
            while time.monotonic() < until and not self._closed:
                time.sleep(_NAP)
            try:
                self._capture = self._open()
            except SourceError:
                delay = min(2 * delay, RETRY_LONGEST)
                continue
            away = time.monotonic() - gone
            yield SourceNotice("back", f"{self.name}: is back after {away:.1f} s")
            return


def as_bgr(image: Any) -> Image:
    """An image of any depth and number of channels as blue, green, red in 8 bits."""
    cv2 = require("cv2")
    if image is None or not image.size:
        return np.empty((0, 0, 3), np.uint8)
    if image.dtype != np.uint8:  # a camera of 10 or 16 bits
        image = cv2.convertScaleAbs(image, alpha=255.0 / np.iinfo(image.dtype).max)
    if image.ndim == 2 or image.shape[2] == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    elif image.shape[2] == 4:
        image = cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
    out: Image = image
    return out


def ffmpeg(target: str, name: str) -> Capture:
    """A capture by OpenCV's FFmpeg, which gives up on a server that does not answer.

    Raises:
        SourceError: it cannot be opened.
    """
    cv2 = require("cv2")
    patience = int(1000 * ANSWER_PATIENCE)
    settings = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        patience,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        patience,
    ]
    with ffmpeg_options.for_streams():
        capture = opened(lambda: cv2.VideoCapture(target, cv2.CAP_FFMPEG, settings))
    if capture is None:
        raise SourceError(f"{name}: cannot be opened as a video stream")
    return capture


class FfmpegOptions:
    """The environment variable by which OpenCV passes options to FFmpeg, for streams alone.

    OpenCV reads it whenever it opens something. With the options of a stream, a file loses its last
    frame or all of them (OpenCV 5). So files wait while streams are being opened, and streams
    while files are; many streams are opened at once, since one that does not answer takes seconds.
    """

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._streams = self._files = 0

    @contextmanager
    def for_streams(self) -> Iterator[None]:
        """For as long as it lasts, FFmpeg gets the options of streams, or the user's own."""
        with self._free:
            given = not self._streams and _FFMPEG in os.environ  # by the user, for everything
            if not given:
                self._free.wait_for(lambda: not self._files)
                self._streams += 1
                os.environ[_FFMPEG] = _FFMPEG_DEFAULT
        try:
            yield
        finally:
            if not given:
                with self._free:
                    self._streams -= 1
                    if not self._streams:
                        del os.environ[_FFMPEG]
                    self._free.notify_all()

    @contextmanager
    def for_files(self) -> Iterator[None]:
        """For as long as it lasts, FFmpeg gets the user's options alone."""
        with self._free:
            self._free.wait_for(lambda: not self._streams)
            self._files += 1
        try:
            yield
        finally:
            with self._free:
                self._files -= 1
                self._free.notify_all()


ffmpeg_options = FfmpegOptions()


def opened(make: Callable[[], Capture]) -> Capture | None:
    """What OpenCV opens, or None; it says itself on stderr why not, which nobody should see."""
    cv2 = require("cv2")
    os.environ.setdefault(_FFMPEG_LOG, _SILENT)
    try:
        with _quiet_opencv():
            capture = make()
    except cv2.error:
        return None
    if capture.isOpened():
        return capture
    capture.release()
    return None


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV's messages off stderr; afterwards only its errors go there."""
    levels = optional(
        "cv2",
        ("utils.logging.getLogLevel", "utils.logging.setLogLevel"),  # since 4.13
        ("getLogLevel", "setLogLevel"),  # until 4.12
        without="its own messages about cameras are shown",
    )
    if levels is None:
        yield
        return
    get_level, set_level = levels
    before = get_level()
    set_level(_NOTHING)
    try:
        yield
    finally:
        set_level(min(before, _ERRORS))
