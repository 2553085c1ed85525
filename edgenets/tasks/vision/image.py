"""Images: arrays of (height, width, 3) uint8 in OpenCV's order, blue, green, red.

OpenCV decodes and resizes in training as on the device, so that a network meets the
very pixels that it learned from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.extras import require

Image = NDArray[np.uint8]  # (height, width, 3), blue, green, red

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG, _JPEG_END, _JPEG_SCAN = b"\xff\xd8\xff", b"\xff\xd9", 0xDA


def is_image(path: Path) -> bool:
    """Whether a file is an image by its name; what macOS leaves beside copies is none."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read(path: Path) -> Image:
    """Read an image, turned as its EXIF data say.

    Raises:
        DataError: it is missing, damaged, cut off, or no image.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise DataError(f"{path}: cannot be read: {exc.strerror}") from exc
    return decode(data, str(path))


def read_mask(path: Path) -> NDArray[np.int32]:
    """Read a mask of 8 or 16 bits, (height, width): the number of each pixel.

    A PNG with a palette gives the palette's numbers, as Pascal VOC means them.

    Raises:
        DataError: it is missing, damaged, or an image of colors.
    """
    pillow = require("PIL.Image")
    try:
        with pillow.open(path) as opened:
            if opened.mode not in ("L", "P", "I", "I;16", "I;16B", "1"):
                raise DataError(
                    f"{path}: an image in mode {opened.mode}; a mask has one number a pixel "
                    f"(8 or 16 bits, or a palette)"
                )
            return np.array(opened).astype(np.int32)
    except (OSError, ValueError, SyntaxError) as exc:  # Pillow says a broken PNG as SyntaxError
        raise DataError(f"{path}: no mask that can be read: {exc}") from exc


def decode(data: bytes, where: str) -> Image:
    """Decode an image.

    Args:
        data: a JPEG, PNG, BMP, WebP or TIFF file.
        where: what it is called in messages.

    Raises:
        DataError: it is damaged, cut off, or no image.
    """
    cv2 = require("cv2")
    # Decoders fill what is missing of a JPEG with grey, and say nothing.
    if data.startswith(_JPEG) and not _has_end(data):
        raise DataError(f"{where}: is cut off: a JPEG without its end")
    if data.startswith(_PNG) and not _is_whole_png(data):
        raise DataError(f"{where}: is a damaged PNG: its parts are not as long as they say")
    try:
        image: Image | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as exc:
        raise DataError(f"{where}: cannot be decoded: {exc.err}") from exc
    if image is None:
        raise DataError(f"{where}: is no image, or a damaged one")
    return image


def _is_whole_png(png: bytes) -> bool:
    """Whether a PNG's chunks fit into it: decoders take the memory that a damaged length says."""
    at = len(_PNG)
    if png[at : at + 8] != b"\0\0\0\rIHDR":
        return False
    while at + 12 <= len(png):
        if png[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return False


def _has_end(jpeg: bytes) -> bool:
    """Whether a JPEG's scan comes to its end; the thumbnail in its head has an end of its own."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        if jpeg[at + 1] == _JPEG_SCAN:
            return jpeg.find(_JPEG_END, at) >= 0
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return _JPEG_END in jpeg[-1024:]
