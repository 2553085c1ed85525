"""JPEGs: decoded by libjpeg-turbo, which says when it had to make something up.

Of a JPEG whose data end early, every decoder fills in the rest: gray, green, or the rows before.
OpenCV's gives that as a whole image and writes a line to stderr. simplejpeg has the same library
and the same pixels, returns the library's warning instead, and is quicker.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError, FeatureWarning, MissingExtra
from edgenets.extras import require
from edgenets.native import decoder_messages
from edgenets.tasks.vision.header import Header

_SCAN, _END = 0xDA, b"\xff\xd9"

# Some cameras' encoders fill a few bytes in before the end mark; the image is whole.
_FILLING = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
_MOST_FILLING = 64  # bytes; a decoder that lost its way leaves more of them

# What libjpeg warns of that concerns a header, and no pixel.
_HARMLESS = ("Warning: unknown JFIF", "Unknown Adobe color", "Invalid SOS parameters")

_UNWHOLE = re.compile(r"premature end|corrupt jpeg|bad huffman|inconsistent progression", re.I)


def decode_jpeg(data: bytes, where: str, header: Header, factor: int = 1) -> NDArray[np.uint8]:
    """A whole JPEG's pixels, turned as its EXIF data say.

    Args:
        where: what it is called in messages.
        header: its own.
        factor: 1, 2, 4 or 8: decode it so many times smaller, which takes less memory.

    Returns:
        (height, width, 3) uint8; blue, green, red.

    Raises:
        DataError: its data end early or are damaged.
    """
    if not data.endswith(_END) and not _has_end(data):  # looking for it takes 50 µs
        raise DataError(f"{where}: is cut off: a JPEG without its end")
    if header.progressive and (missing := _missing_scans(data)):
        raise DataError(f"{where}: is cut off: {missing}")
    decoder = _strict()
    if decoder is None or header.channels == 4:  # libjpeg makes no BGR of CMYK, OpenCV does
        return _by_opencv(data, where, factor)
    size = {"min_height": -(-header.height // factor), "min_width": -(-header.width // factor)}
    decoder = partial(decoder, data, "BGR", min_factor=factor, **size)
    try:
        image = decoder()
    except ValueError as exc:
        image = _forgiven(decoder, where, str(exc))
    return turned(image, orientation(data))


def _forgiven(
    decoder: Callable[..., NDArray[np.uint8]], where: str, text: str
) -> NDArray[np.uint8]:
    """The image where libjpeg's warning is about no pixel of it.

    Raises:
        DataError: it is about pixels.
    """
    filling = _FILLING.fullmatch(text)
    if (filling and int(filling[1]) <= _MOST_FILLING) or text.startswith(_HARMLESS):
        return decoder(strict=False)
    if "premature end" in text.lower():
        raise DataError(f"{where}: is cut off: its JPEG data end early")
    raise DataError(f"{where}: is a damaged JPEG: {text}")


def _by_opencv(data: bytes, where: str, factor: int) -> NDArray[np.uint8]:
    """The same by OpenCV, whose libjpeg writes its warnings to stderr."""
    cv2 = require("cv2")
    flags = {
        1: cv2.IMREAD_COLOR,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }[factor]
    with decoder_messages() as messages:
        image: NDArray[np.uint8] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    for text in messages:
        filling = _FILLING.fullmatch(text)
        if _UNWHOLE.search(text) and not (filling and int(filling[1]) <= _MOST_FILLING):
            raise DataError(f"{where}: is cut off or damaged: {text}")
    if image is None:
        raise DataError(f"{where}: is a damaged JPEG")
    return image


@cache
def _strict() -> Callable[..., NDArray[np.uint8]] | None:
    """simplejpeg's decoder; None where it is not installed, which is said once."""
    try:
        decoder: Callable[..., NDArray[np.uint8]] = require("simplejpeg").decode_jpeg
    except MissingExtra as exc:
        text = f"{exc} Until then JPEGs are decoded by OpenCV, at half the speed"
        warnings.warn(text, FeatureWarning, stacklevel=3)
        return None
    return decoder


def orientation(jpeg: bytes) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none that makes sense."""
    at = 2
    while at + 18 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != _SCAN:
        length = jpeg[at + 2] << 8 | jpeg[at + 3]
        if jpeg[at + 1] == 0xE1 and jpeg[at + 4 : at + 10] == b"Exif\0\0":
            return _orientation(jpeg[at + 10 : at + 2 + length])
        at += 2 + length
    return 1


def _orientation(tiff: bytes) -> int:
    order = {b"II": "little", b"MM": "big"}.get(tiff[:2])
    if order is None:
        return 1
    number: Callable[[bytes], int] = lambda b: int.from_bytes(b, order)  # type: ignore[arg-type]  # noqa: E731
    at = number(tiff[4:8])
    for entry in range(number(tiff[at : at + 2])):
        tag = tiff[at + 2 + 12 * entry :][:12]
        if len(tag) < 12:
            break
        if number(tag[:2]) == 0x0112:
            found = number(tag[8:10])
            return found if 1 <= found <= 8 else 1
    return 1


def turned(image: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """An image as an EXIF orientation, 1 to 8, wants it to be shown."""
    cv2 = require("cv2")
    if turn in (5, 7):
        image = cv2.transpose(image)
    if turn in (6, 8):
        return np.asarray(cv2.rotate(image, _QUARTERS[turn]))
    flips = {2: 1, 3: -1, 4: 0, 7: -1}  # OpenCV's: around the vertical axis, both, the horizontal
    return np.asarray(cv2.flip(image, flips[turn])) if turn in flips else image


_QUARTERS = {6: 0, 8: 2}  # cv2.ROTATE_90_CLOCKWISE, and counterclockwise


def _has_end(jpeg: bytes) -> bool:
    """Whether a JPEG's scan comes to its end; the thumbnail in its head has an end of its own."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        if jpeg[at + 1] == _SCAN:
            return jpeg.find(_END, at) >= 0
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return _END in jpeg[-1024:]


def _missing_scans(jpeg: bytes) -> str:
    """What of a progressive JPEG's coefficients no scan brings; libjpeg says nothing of it."""
    bits: dict[tuple[int, int], int] = {}  # (component, coefficient) → its lowest bit so far
    parts: list[int] = []
    for marker, body in _segments(jpeg):
        if marker == 0xC2:
            parts = [body[6 + 3 * n] for n in range(body[5])]
        elif marker == _SCAN:
            count = body[0]
            first, last, low = body[1 + 2 * count : 4 + 2 * count]
            for part in body[1 : 1 + 2 * count : 2]:
                bits.update({(part, k): low & 15 for k in range(first, min(last, 63) + 1)})
    wanted = [(part, k) for part in parts for k in range(64)]
    missing = sum(bits.get(key, 1) != 0 for key in wanted)
    return f"{missing} of {len(wanted)} coefficients of its blocks are in no scan" * bool(missing)


def _segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker and the body of each segment that is whole, up to the end mark."""
    at = 2
    while 0 <= at < len(jpeg) - 4:
        marker = jpeg[at + 1]
        if jpeg[at] != 0xFF or marker in (0xFF, 0x00) or 0xD0 <= marker <= 0xD8:
            at = jpeg.find(b"\xff", at + 1)
            continue
        end = at + 2 + (jpeg[at + 2] << 8 | jpeg[at + 3])
        if marker == _END[1] or end > len(jpeg):
            return
        yield marker, jpeg[at + 4 : end]
        at = end
