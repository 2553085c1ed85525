"""Images: arrays of (height, width, 3) uint8 in OpenCV's order, blue, green, red.

OpenCV and its libjpeg decode and resize in training as on the device, so that a network meets the
very pixels that it learned from. What a file asks for is read from its header first; an image
that is not whole is none.
"""

from __future__ import annotations

import os
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError, first_line
from edgenets.extras import require
from edgenets.native import decoder_messages
from edgenets.painter import harmless
from edgenets.tasks.vision.header import Header, name_of, read_header
from edgenets.tasks.vision.jpeg import decode_jpeg

Image = NDArray[np.uint8]  # (height, width, 3), blue, green, red

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

# Images by their names that no decoder here reads; a folder of them is not empty.
UNREAD = frozenset({".heic", ".heif", ".avif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw"})

# An image of this many pixels takes up to 350 MB while it is decoded, with 16 bits a channel up
# to 500. What comes from a network is nobody's own file, and no camera has more than 8K.
MOST_PIXELS = 50_000_000
MOST_PIXELS_OF_NETWORK = 35_000_000

# A file larger than this many bytes a pixel of the limit is no image: RGBA has 8 in 16 bits.
_BYTES_A_PIXEL = 8

# Pixels of 16 bits below this may be 10, 12 or 14 bits in 16, or an image that is nearly black.
SURELY_16_BITS = 1 << 14

# Environment variables, for training data and wherever no URI has the option.
PIXELS_VARIABLE, DEPTH_VARIABLE = "EDGENETS_MAX_PIXELS", "EDGENETS_IMAGE_DEPTH"

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Rules:
    """What images of a source may be like."""

    most_pixels: int = MOST_PIXELS
    depth: int | None = None  # bits that channels of 16 bits really have; None: 16, if it shows
    reduce: bool = False  # decode JPEGs of more pixels 2, 4 or 8 times smaller

    @classmethod
    def from_environment(cls, most_pixels: int = MOST_PIXELS) -> Rules:
        """The usual rules, and what environment variables say instead.

        Raises:
            DataError: a variable holds no number that makes sense.
        """
        pixels = _variable(PIXELS_VARIABLE, 1, 1 << 40)
        return cls(pixels or most_pixels, _variable(DEPTH_VARIABLE, 8, 16))


def _variable(name: str, low: int, high: int) -> int | None:
    text = os.environ.get(name, "")
    if not text:
        return None
    if not text.isdecimal() or not low <= int(text) <= high:
        raise DataError(f"{name}={harmless(text)}: a whole number of {low} to {high} is needed")
    return int(text)


def is_image(path: Path) -> bool:
    """Whether a file is an image by its name; what macOS leaves beside copies is none."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read(path: Path, rules: Rules | None = None) -> Image:
    """Read an image, turned as its EXIF data say.

    Args:
        rules: None: those of the environment.

    Raises:
        DataError: it is missing, damaged, cut off, too large, or no image.
    """
    rules = rules or Rules.from_environment()
    return decode(load(path, rules), harmless(str(path)), rules)


def load(path: Path, rules: Rules) -> bytes:
    """The bytes of an image file.

    Raises:
        DataError: it cannot be read, or is larger than any image that the rules let pass.
    """
    where = harmless(str(path))
    try:
        size = path.stat().st_size
        if size > rules.most_pixels * _BYTES_A_PIXEL:
            raise DataError(f"{where}: {size:,} bytes, more than an image may have; {_raise()}")
        return path.read_bytes()
    except OSError as exc:
        raise DataError(f"{where}: cannot be read: {exc.strerror}") from exc


def read_mask(path: Path) -> NDArray[np.int32]:
    """Read a mask of 8 or 16 bits, (height, width): the number of each pixel.

    A PNG with a palette gives the palette's numbers, as Pascal VOC means them.

    Raises:
        DataError: it is missing, damaged, or an image of colors.
    """
    pillow = require("PIL.Image")
    try:
        # Pillow warns of sizes, which have a limit of their own here, and of what it skips.
        with warnings.catch_warnings(action="ignore"), pillow.open(path) as opened:
            if opened.width * opened.height > Rules.from_environment().most_pixels:
                size = f"{opened.width} × {opened.height}"
                raise DataError(f"{path}: {size} pixels; {PIXELS_VARIABLE} raises the limit")
            if opened.mode not in ("L", "P", "I", "I;16", "I;16B", "1"):
                raise DataError(
                    f"{path}: an image in mode {opened.mode}; a mask has one number a pixel "
                    f"(8 or 16 bits, or a palette)"
                )
            return np.array(opened).astype(np.int32)
    except DataError:
        raise
    except Exception as exc:  # Pillow raises whatever the bytes of a damaged file make of it
        raise DataError(f"{path}: no mask that can be read: {first_line(exc)}") from exc


def decode(data: bytes, where: str, rules: Rules | None = None) -> Image:
    """Decode an image.

    Args:
        data: a JPEG, PNG, BMP, WebP, TIFF, PNM or JPEG 2000 file.
        where: what it is called in messages.
        rules: None: those of the environment.

    Raises:
        DataError: it is damaged, cut off, too large, or no image.
    """
    rules = rules or Rules.from_environment()
    header = checked_header(data, where)
    factor = _checked_size(header, where, rules)
    if header.kind == "JPEG":
        return decode_jpeg(data, where, header, factor)
    if header.kind == "PNG":
        _check_png(data, where)
    return _in_8_bits(_decoded(data, where, header), where, rules)


def checked_header(data: bytes, where: str) -> Header:
    """The header of an image that a decoder here reads.

    Raises:
        DataError: it is none; the message names what it is.
    """
    header = read_header(data)
    if header is None or header.kind == "GIF":
        raise DataError(f"{where}: {_no_image(data, header)}")
    if header.refused:
        raise DataError(
            f"{where}: {header.kind}: {header.refused}; save it with 8 or 16 bits a channel in RGB"
        )
    return header


def reduction(header: Header, rules: Rules) -> int:
    """How many times smaller an image is decoded: 1, 2, 4 or 8; 0 where even 8 would not do."""
    most = rules.most_pixels // (2 if header.bits > 8 else 1)
    may = rules.reduce and header.kind == "JPEG" and not header.progressive
    for factor in (1, 2, 4, 8) if may else (1,):
        if -(-header.width // factor) * -(-header.height // factor) <= most:
            return factor
    return 0


def _checked_size(header: Header, where: str, rules: Rules) -> int:
    factor = reduction(header, rules)
    if not factor:
        deep = " of 16 bits a channel, which count double" if header.bits > 8 else ""
        raise DataError(
            f"{where}: {header.width} × {header.height} pixels{deep}: more than "
            f"{rules.most_pixels:,}; {_raise()}"
        )
    return factor


def _raise() -> str:
    return f"?max-pixels=… of the source or {PIXELS_VARIABLE} raises the limit"


def _no_image(data: bytes, header: Header | None) -> str:
    """What is wrong with bytes that no decoder gets."""
    if not data:
        return "is no image: the file is empty"
    kind = "GIF" if header is not None else name_of(data)
    if kind is None:
        return "is no image, or a damaged one"
    return f"is {kind}, which is not read here; save it as JPEG or PNG"


def _decoded(data: bytes, where: str, header: Header) -> NDArray[np.generic]:
    """The pixels by OpenCV, of 8 or 16 bits."""
    cv2 = require("cv2")
    flags = cv2.IMREAD_COLOR | (cv2.IMREAD_ANYDEPTH if header.bits > 8 else 0)
    image: NDArray[np.generic] | None = None
    why = ""
    with decoder_messages() as messages:
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error as exc:
            why = exc.err
    if image is None:
        why = why or next((m for m in messages if m), "")
        why = f" ({harmless(why)[:120]})" if why else ""
        raise DataError(f"{where}: is a damaged or cut-off {header.kind}{why}")
    return image


def _in_8_bits(image: NDArray[np.generic], where: str, rules: Rules) -> Image:
    """Pixels of any depth as 8 bits.

    Raises:
        DataError: what their largest value means is not known.
    """
    if image.dtype == np.uint8:
        out: Image = image  # type: ignore[assignment]
        return out
    if image.dtype != np.uint16:
        raise DataError(f"{where}: pixels of {image.dtype}; save it with 8 or 16 bits a channel")
    high, depth = int(image.max()), rules.depth or 16
    if rules.depth is None and 0 < high < SURELY_16_BITS:
        bits = next(n for n in (8, 10, 12, 14) if high < 1 << n)
        raise DataError(
            f"{where}: 16 bits a channel, and no value over {high:,}: either {bits} bits in 16 or "
            f"an image nearly black. Say which: ?depth={bits} or ?depth=16 of the source, or "
            f"{DEPTH_VARIABLE}={bits}"
        )
    if high >= 1 << depth:
        raise DataError(f"{where}: holds the value {high:,}, which {depth} bits cannot have")
    scaled: Image = require("cv2").convertScaleAbs(image, alpha=255.0 / ((1 << depth) - 1))
    return scaled


def _check_png(png: bytes, where: str) -> None:
    """Whether a PNG's chunks fit into it and are what was written.

    Decoders take the memory that a damaged length says, and may pass over a wrong checksum.

    Raises:
        DataError: they do not.
    """
    at = len(_PNG)
    while at + 12 <= len(png):
        length, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
        end = at + 8 + length
        critical = not kind[0] & 0x20  # what is not may be wrong, and the pixels are right
        if critical and png[end : end + 4] != zlib.crc32(png[at + 4 : end]).to_bytes(4, "big"):
            raise DataError(f"{where}: is a damaged or cut-off PNG: a part has a wrong checksum")
        if kind == b"IEND":
            return
        at = end + 4
    raise DataError(f"{where}: is a damaged or cut-off PNG: its parts are not as long as they say")
