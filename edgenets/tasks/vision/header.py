"""What an image file says of itself in its first bytes: kind, size, depth, codec.

A decoder takes the memory that a header asks for: 109 kB of PNG can ask for 5 GB. So the header
is read first, and what is no known kind is named and never reaches a decoder.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Header:
    """What a file says of its image; nothing of it was decoded."""

    kind: str  # "JPEG", "PNG", …
    width: int  # pixels, as stored; EXIF may turn them
    height: int
    bits: int = 8  # of a channel
    progressive: bool = False  # a JPEG whose decoder holds all coefficients at once
    channels: int = 3
    refused: str = ""  # why no decoder here reads it right; empty: one does

    @property
    def pixels(self) -> int:
        """Width × height."""
        return self.width * self.height


def read_header(data: bytes) -> Header | None:
    """The header of an image; None where the bytes are no kind that is known, or a broken head."""
    for magic, parse in _PARSERS:
        if data.startswith(magic):
            try:
                found = parse(data)
            except (struct.error, IndexError, ValueError):
                return None
            return found if found is None or (found.width > 0 and found.height > 0) else None
    return None


def name_of(data: bytes) -> str | None:
    """What a file is that is no readable image: "HEIC", "PDF"; None where that is not known."""
    if data[4:8] == b"ftyp":
        brands = {data[at : at + 4] for at in (8, *range(16, min(64, len(data)), 4))}
        for wanted, name in _BRANDS:
            if brands & wanted:
                return name
        return "MP4 or MOV (a video)"
    return next((name for magic, name in _NAMES if data.startswith(magic)), None)


_BRANDS = (
    ({b"avif", b"avis"}, "AVIF"),
    ({b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevx", b"mif1", b"msf1"}, "HEIC"),
    ({b"crx "}, "CR3 (a camera's raw format)"),
)
_NAMES = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"8BPS", "PSD"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"v/1\x01", "OpenEXR (floating point)"),
    (b"#?RADIANCE", "Radiance HDR (floating point)"),
    (b"PF\n", "PFM (floating point)"),
    (b"Pf\n", "PFM (floating point)"),
    (b"SIMPLE  =", "FITS"),
    (b"DDS ", "DDS"),
    (b"FUJIFILM", "RAF (a camera's raw format)"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself"),
    (b"PK\x03\x04", "ZIP"),
)


def _jpeg(data: bytes) -> Header | None:
    at = 2
    while at + 10 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # a filling byte
            at += 1
            continue
        if marker in _SOF:
            bits, height, width, channels = struct.unpack(">BHHB", data[at + 4 : at + 10])
            refused = _SOF[marker] or (f"{bits} bits a sample" if bits != 8 else "")
            return Header("JPEG", width, height, bits, marker == 0xC2, channels, refused)
        if marker in (0xD9, 0xDA):
            return None
        at += 2 if 0xD0 <= marker <= 0xD8 or marker == 1 else 2 + _be16(data, at + 2)
    return None


# Start-of-frame markers → what of them OpenCV's libjpeg does not decode.
_SOF = {0xC0: "", 0xC1: "", 0xC2: ""} | {
    **dict.fromkeys((0xC3, 0xC7, 0xCB, 0xCF), "a lossless JPEG"),
    **dict.fromkeys((0xC5, 0xC6, 0xCD, 0xCE), "a hierarchical JPEG"),
    **dict.fromkeys((0xC9, 0xCA), "a JPEG in arithmetic coding"),
}


def _png(data: bytes) -> Header | None:
    if data[8:16] != b"\0\0\0\rIHDR":
        return None
    width, height, bits, color = struct.unpack(">IIBB", data[16:26])
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(color)
    return None if channels is None else Header("PNG", width, height, bits, False, channels)


def _webp(data: bytes) -> Header | None:
    if data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return Header("WebP", 1 + _le24(data, 24), 1 + _le24(data, 27))
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return Header("WebP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return Header("WebP", width & 0x3FFF, height & 0x3FFF)
    return None


def _bmp(data: bytes) -> Header:
    (size,) = struct.unpack("<I", data[14:18])
    if size == 12:
        width, height = struct.unpack("<HH", data[18:22])
    else:
        width, height = struct.unpack("<ii", data[18:26])
    return Header("BMP", abs(width), abs(height))


def _gif(data: bytes) -> Header:
    width, height = struct.unpack("<HH", data[6:10])
    return Header("GIF", width, height)


def _tiff(data: bytes) -> Header | None:
    order = "<" if data[:2] == b"II" else ">"
    (version,) = struct.unpack(order + "H", data[2:4])
    big = version == 43
    (at,) = struct.unpack(order + ("Q" if big else "I"), data[8:16] if big else data[4:8])
    length, head = (20, 8) if big else (12, 2)
    (count,) = struct.unpack(order + ("Q" if big else "H"), data[at : at + head])
    tags = {}
    for number in range(min(count, 200)):
        entry = data[at + head + number * length :][:length]
        tag, kind = struct.unpack(order + "HH", entry[:4])
        (many,) = struct.unpack(order + ("Q" if big else "I"), entry[4 : 12 if big else 8])
        tags[tag] = _tiff_value(data, order, (kind, many, entry[12 if big else 8 :]))
    width, height = tags.get(256, 0), tags.get(257, 0)
    # What is decoded at once is a tile, and a tile may be larger than its image.
    pixels = max(width * height, tags.get(322, 0) * tags.get(323, 0))
    height = max(height, -(-pixels // width)) if width else 0
    return Header(
        "TIFF", width, height, tags.get(258, 1), False, tags.get(277, 1), _tiff_refused(tags)
    )


def _tiff_refused(tags: dict[int, int]) -> str:
    """Why a TIFF's pixels cannot be shown as they are meant."""
    bits = tags.get(258, 1)
    if tags.get(262) in (32844, 32845):
        return "floating-point pixels in LogLuv"
    if tags.get(339, 1) == 3:
        return f"{bits}-bit floating-point pixels, whose range no tag says"
    if tags.get(339, 1) == 2:
        return "signed pixels, whose range no tag says"
    if bits not in (1, 2, 4, 8, 16):
        return f"{bits} bits a channel"
    if tags.get(262) in (8, 9, 10):
        return "colors in L*a*b*"
    return "a camera's raw image" if tags.get(262) in (32803, 34892) else ""


def _tiff_value(data: bytes, order: str, entry: tuple[int, int, bytes]) -> int:
    """The first value of a tag of whole numbers; 0 of all others."""
    kind, many, value = entry
    form = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind)
    if form is None or not many:
        return 0
    size = struct.calcsize(form)
    if many * size > len(value):  # it does not fit in here
        (at,) = struct.unpack(order + ("Q" if len(value) == 8 else "I"), value)
        value = data[at : at + size]
    found: int = struct.unpack(order + form, value[:size])[0]
    return found


def _pnm(data: bytes) -> Header | None:
    words = re.sub(rb"#[^\n]*", b"", data[:4096]).split(maxsplit=4)
    numbers = [int(word) for word in words[1:3]]
    deep = words[0] in (b"P2", b"P3", b"P5", b"P6") and int(words[3]) > 255
    return Header("PNM", numbers[0], numbers[1], 16 if deep else 8)


def _jp2(data: bytes) -> Header | None:
    at = data.find(b"\xff\x4f\xff\x51")
    if at < 0:
        return None
    right, low, left, top = struct.unpack(">IIII", data[at + 8 : at + 24])
    bits = 1 + (data[at + 42] & 0x7F)
    return Header("JPEG 2000", right - left, low - top, bits)


def _sun(data: bytes) -> Header:
    width, height = struct.unpack(">II", data[4:12])
    return Header("Sun raster", width, height)


def _be16(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def _le24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


_PARSERS: tuple[tuple[bytes, Callable[[bytes], Header | None]], ...] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"RIFF", _webp),
    (b"BM", _bmp),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"II*\0", _tiff),
    (b"II+\0", _tiff),
    (b"MM\0*", _tiff),
    (b"MM\0+", _tiff),
    *((b"P%d" % digit, _pnm) for digit in range(1, 7)),
    (b"\0\0\0\x0cjP  ", _jp2),
    (b"\xff\x4f\xff\x51", _jp2),
    (b"\x59\xa6\x6a\x95", _sun),
)
