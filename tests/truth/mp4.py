"""MP4 files of JPEG images with any times and any rotation, written box by box.

What a camera with a variable rate, or a phone held upright, writes: the duration of every image
stands in `stts`, the rotation in `tkhd` (ISO/IEC 14496-12).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import groupby

SCALE = 90_000  # units of time a second

# The matrix of `tkhd` by degrees clockwise, as players apply it: a, b, u, c, d, v, x, y, w.
_ONE, _W = 0x10000, 0x40000000
_TURNS = {
    0: (_ONE, 0, 0, 0, _ONE, 0, 0, 0, _W),
    90: (0, _ONE, 0, -_ONE, 0, 0, 0, 0, _W),
    180: (-_ONE, 0, 0, 0, -_ONE, 0, 0, 0, _W),
    270: (0, -_ONE, 0, _ONE, 0, 0, 0, 0, _W),
}


def movie(
    jpegs: Sequence[bytes], durations: Sequence[float], size: tuple[int, int], turn: int = 0
) -> bytes:
    """The file, with its index before its images, as for the web.

    Args:
        jpegs: the images, of one size.
        durations: s, of each.
        size: (width, height) of the images as they are stored.
        turn: degrees clockwise by which a player turns them.
    """
    ticks = [round(duration * SCALE) for duration in durations]
    head = _box(b"ftyp", b"isom" + struct.pack(">I", 0x200) + b"isomiso2mp41")
    index = _index(jpegs, ticks, size, turn, 0)
    return (
        head
        + _index(jpegs, ticks, size, turn, len(head) + len(index) + 8)
        + _box(b"mdat", b"".join(jpegs))
    )


def _index(
    jpegs: Sequence[bytes], ticks: Sequence[int], size: tuple[int, int], turn: int, start: int
) -> bytes:
    places, at = [], start
    for jpeg in jpegs:
        places.append(at)
        at += len(jpeg)
    width, height = size
    entry = struct.pack(
        ">6xH16xHHIIIH32sHh", 1, width, height, 0x480000, 0x480000, 0, 1, b"\x00" * 32, 24, -1
    )
    runs = [(len(list(group)), tick) for tick, group in groupby(ticks)]
    table = _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1) + _box(b"jpeg", entry)),
        _full(b"stts", _counted(">II", runs)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        _full(b"stsz", struct.pack(">I", 0) + _counted(">I", [(len(jpeg),) for jpeg in jpegs])),
        _full(b"stco", _counted(">I", [(place,) for place in places])),
    )
    information = _box(
        b"minf",
        _full(b"vmhd", struct.pack(">8x"), flags=1),
        _box(b"dinf", _full(b"dref", struct.pack(">I", 1) + _full(b"url ", b"", flags=1))),
        table,
    )
    length = sum(ticks)
    media = _box(
        b"mdia",
        _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, SCALE, length, 0x55C4, 0)),
        _full(b"hdlr", b"\x00" * 4 + b"vide" + b"\x00" * 12 + b"video\x00"),
        information,
    )
    shown = struct.pack(">9i", *_TURNS[turn])
    track = struct.pack(">IIIII8xHHHH", 0, 0, 1, 0, length, 0, 0, 0, 0) + shown
    track += struct.pack(">II", width << 16, height << 16)
    movie_head = struct.pack(">IIIIIH10x", 0, 0, SCALE, length, 0x10000, 0x100)
    movie_head += struct.pack(">9i", *_TURNS[0]) + b"\x00" * 24 + struct.pack(">I", 2)
    return _box(
        b"moov",
        _full(b"mvhd", movie_head),
        _box(b"trak", _full(b"tkhd", track, flags=3), media),
    )


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def _full(kind: bytes, body: bytes, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", flags), body)


def _counted(form: str, rows: Sequence[tuple[int, ...]]) -> bytes:
    return struct.pack(">I", len(rows)) + b"".join(struct.pack(form, *row) for row in rows)
