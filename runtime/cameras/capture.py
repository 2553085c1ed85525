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

from edgenets.arrays import Array
from edgenets.errors import DataError, SourceError
from edgenets.extras import optional, require
from edgenets.tasks.vision.image import MOST_PIXELS_OF_NETWORK, SURELY_16_BITS, Image, Rules

from . import Camera, Frame, Item, SourceNotice
from .decoding import Capture, Damage

# A stream that is away is tried again at once, then ever slower: a server that restarts is back
# in a second, a camera without power is not hammered on.
RETRY_FIRST, RETRY_LONGEST = 0.5, 8.0  # s

# A stream that is away for longer has a reason that a person should know.
SAID_AFTER = 5.0  # s

# How long `close` may go unnoticed while a source is away.
_NAP = 0.1  # s

# A server that takes longer to answer, or a stream that is silent for longer, is gone.
ANSWER_PATIENCE = 5.0  # s

# FFmpeg's options in OpenCV where the user has set none: UDP loses packets, and images then smear.
_FFMPEG = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_FFMPEG_DEFAULT = "rtsp_transport;tcp|fflags;nobuffer"

# What FFmpeg may open: a file or pipe that has its images inside, or a stream by RTSP; no list
# of other addresses, whoever sends it.
_FILES_ONLY = (
    "protocol_whitelist;file,pipe|format_whitelist;mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,"
    "mpegts,mpeg,mpegvideo,flv,gif,ogg,asf,h264,hevc,m4v,mjpeg,ivf,mxf,nut,rm,yuv4mpegpipe"
)
_STREAMS_ONLY = "protocol_whitelist;rtsp,rtp,srtp,tcp,udp,tls|format_whitelist;rtsp"

# FFmpeg reports every packet that it does not like on stderr; what matters is a notice.
_FFMPEG_LOG, _SILENT = "OPENCV_FFMPEG_LOGLEVEL", "-8"

# OpenCV's levels. A read that waited too long is a warning there, and a notice here.
_NOTHING, _ERRORS = 0, 2


__all__ = ["Capture", "LiveCamera", "as_bgr", "ffmpeg", "ffmpeg_options", "opened"]


class LiveCamera(Camera):
    """A device or stream that is waited for when it goes away, not when it was never there."""

    live = True

    def __init__(self, name: str, rules: Rules | None = None) -> None:
        """Open it.

        Raises:
            SourceError: it cannot be opened.
        """
        super().__init__(name)
        self._rules = rules or Rules(most_pixels=MOST_PIXELS_OF_NETWORK)
        self._doubted = False
        self._capture: Capture | None = self._open()

    @abstractmethod
    def _open(self) -> Capture:
        """An open capture, or SourceError."""

    def items(self) -> Iterator[Item]:
        """See `Camera.items`."""
        opened, number = time.monotonic(), 0
        damage = Damage(self.name)
        try:
            while not self._closed:
                if self._capture is None:
                    yield from self._back()
                    continue
                try:
                    done, image = self._read(self._capture)
                except DataError as exc:
                    self.damaged += 1
                    number += 1
                    if (notice := damage.add(str(exc))) is not None:
                        yield notice
                    continue
                now = time.monotonic()
                if done:
                    yield Frame(as_bgr(image, self._rules.depth or 16), number, now - opened, now)
                    number += 1
                    if (doubt := self._doubt(image)) is not None:
                        yield doubt
                elif not self._closed:
                    self._capture.release()
                    self._capture = None
                    if (notice := damage.rest()) is not None:
                        yield notice
                    yield SourceNotice("lost", f"{self.name}: no more images come; trying again")
        finally:
            if self._capture is not None:
                self._capture.release()

    def _read(self, capture: Capture) -> tuple[bool, Array]:
        try:
            done, image = capture.read()
        except require("cv2").error:  # a format that its converters do not know
            return False, np.empty((0, 0, 3), np.uint8)
        return bool(done and image is not None and image.size), image

    def _doubt(self, image: Array) -> SourceNotice | None:
        """What is said once of images of 16 bits that may hold fewer: then they are dark."""
        if image.dtype != np.uint16 or self._rules.depth or self._doubted:
            return None
        high = int(image.max())
        self._doubted = high > 0  # a black image says nothing
        if not 0 < high < SURELY_16_BITS:
            return None
        text = f"16 bits a channel are assumed, and no value is over {high:,}; where"
        return SourceNotice("guessed", f"{self.name}: {text} they hold fewer, ?depth=12 says so")

    def _back(self) -> Iterator[Item]:
        """Try until it is back, or `close` is called."""
        gone, delay, said = time.monotonic(), RETRY_FIRST, ""
        while not self._closed:
            until = time.monotonic() + delay
            while time.monotonic() < until and not self._closed:
                time.sleep(_NAP)
            try:
                self._capture = self._open()
            except SourceError as exc:
                delay = min(2 * delay, RETRY_LONGEST)
                # Why it does not come back, whenever that changes; not of one that restarts.
                if str(exc) != said and time.monotonic() - gone > SAID_AFTER:
                    said = str(exc)
                    yield SourceNotice("away", f"{said}; trying again")
                continue
            away = time.monotonic() - gone
            yield SourceNotice("back", f"{self.name}: is back after {away:.1f} s")
            return


def as_bgr(image: Any, depth: int = 16) -> Image:
    """An image of any depth and number of channels as blue, green, red in 8 bits.

    Args:
        depth: bits that channels of 16 bits really have.
    """
    cv2 = require("cv2")
    if image is None or not image.size:
        return np.empty((0, 0, 3), np.uint8)
    if image.dtype != np.uint8:  # a camera of 10 or 16 bits
        most = (1 << depth) - 1 if image.dtype == np.uint16 else np.iinfo(image.dtype).max
        image = cv2.convertScaleAbs(image, alpha=255.0 / most)
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
    """The environment variable by which OpenCV passes options to FFmpeg, for one kind at a time.

    OpenCV reads it whenever it opens something. With the options of a stream, a file loses its last
    frame or all of them (OpenCV 5). So files wait while streams are being opened, and streams
    while files are; many streams are opened at once, since one that does not answer takes seconds.
    OpenCV 4.11 does not read it: what a file is, is looked at before FFmpeg opens it.
    """

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._kind, self._count = "", 0
        self._given: str | None = None  # the user's own, who means everything with it

    @contextmanager
    def for_streams(self) -> Iterator[None]:
        """For as long as it lasts, FFmpeg gets the options of streams, or the user's own."""
        with self._set("streams", _FFMPEG_DEFAULT, _STREAMS_ONLY):
            yield

    @contextmanager
    def for_files(self) -> Iterator[None]:
        """For as long as it lasts, FFmpeg opens files, and nothing that they name."""
        with self._set("files", "", _FILES_ONLY):
            yield

    @contextmanager
    def _set(self, kind: str, usual: str, limits: str) -> Iterator[None]:
        with self._free:
            self._free.wait_for(lambda: not self._count or self._kind == kind)
            if not self._count:
                self._kind, self._given = kind, os.environ.get(_FFMPEG)
                chosen = usual if self._given is None else self._given
                mine = "" if "_whitelist" in chosen else limits
                os.environ[_FFMPEG] = "|".join(part for part in (chosen, mine) if part)
            self._count += 1
        try:
            yield
        finally:
            with self._free:
                self._count -= 1
                if not self._count and self._given is None:
                    del os.environ[_FFMPEG]
                elif not self._count:
                    os.environ[_FFMPEG] = str(self._given)
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
