"""JPEGs that OpenCV's captures pass on undecoded, and what is said of damaged images.

FFmpeg and OpenCV's V4L2 fill up a JPEG whose data end early, and say nothing that a program could
read. So they are asked for the bytes, and the images are decoded where damage is seen.
"""

from __future__ import annotations

import time
from typing import Any

from edgenets.errors import SourceError
from edgenets.extras import require
from edgenets.tasks.vision import image

from . import SourceNotice

# A stream of damaged images is reported once in a while, with their number.
_SAY_EVERY = 10.0  # s

_JPEG_CODES = (b"MJPG", b"JPEG", b"mjpg", b"jpeg")

Capture = Any  # cv2.VideoCapture


class JpegCapture:
    """A capture of undecoded JPEGs with the face of a cv2.VideoCapture."""

    def __init__(self, capture: Capture, name: str, rules: image.Rules) -> None:
        self._capture, self._name, self._rules = capture, name, rules

    def read(self) -> tuple[bool, image.Image | None]:
        """The next image.

        Raises:
            DataError: it came, and is cut off or damaged; the next may be whole.
        """
        done, data = self._capture.read()
        if not done or data is None or not data.size:
            return False, None
        return True, image.decode(data.tobytes(), self._name, self._rules)

    def get(self, name: int) -> float:
        """See cv2.VideoCapture."""
        return float(self._capture.get(name))

    def release(self) -> None:
        """Let it go."""
        self._capture.release()


def undecoded(capture: Capture, name: str, rules: image.Rules, v4l: bool = False) -> Capture:
    """A capture as it is, or one that decodes its JPEGs here.

    Args:
        v4l: it is of OpenCV's V4L2, which takes another property for it than FFmpeg.
    """
    cv2 = require("cv2")
    code = code_of(capture)
    if v4l and code == b"Y16 " and rules.depth:
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)  # OpenCV would take the upper 8 bits
    if code not in _JPEG_CODES:
        return capture
    raw = (cv2.CAP_PROP_CONVERT_RGB, 0) if v4l else (cv2.CAP_PROP_FORMAT, -1)
    return JpegCapture(capture, name, rules) if capture.set(*raw) else capture


def check_size(capture: Capture, name: str, rules: image.Rules) -> None:
    """Refuse a capture of images that are too large, before one is decoded.

    Raises:
        SourceError: they are; the capture was let go.
    """
    cv2 = require("cv2")
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    try:
        refuse_larger(name, int(width), int(height), rules)
    except SourceError:
        capture.release()
        raise


def refuse_larger(name: str, width: int, height: int, rules: image.Rules) -> None:
    """Raise SourceError where images of a size are too large."""
    if width * height > rules.most_pixels:
        raise SourceError(
            f"{name}: images of {width} × {height} pixels: more than {rules.most_pixels:,}; "
            f"?max-pixels=… of the source raises the limit"
        )


def code_of(capture: Capture) -> bytes:
    """The four letters of a capture's codec."""
    code = int(capture.get(require("cv2").CAP_PROP_FOURCC))
    return (code & 0xFFFFFFFF).to_bytes(4, "little")


class Damage:
    """Images of one source that were damaged: counted, and said now and then."""

    def __init__(self, name: str) -> None:
        self._name, self._unsaid, self._text = name, 0, ""
        self._said_at = float("-inf")

    def add(self, text: str) -> SourceNotice | None:
        """One more; a notice where it is time for one."""
        self._unsaid += 1
        self._text = text
        if time.monotonic() - self._said_at < _SAY_EVERY:
            return None
        return self.rest()

    def rest(self) -> SourceNotice | None:
        """A notice of those that none was about so far."""
        if not self._unsaid:
            return None
        count, self._unsaid, self._said_at = self._unsaid, 0, time.monotonic()
        what = "an image was" if count == 1 else f"{count} images were"
        return SourceNotice("skipped", f"{what} left out as damaged: {self._text}", count)
