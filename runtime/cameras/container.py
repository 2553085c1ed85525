"""What a video file's container says: whether it holds its own images, is whole, how it is turned.

FFmpeg opens whatever a file names: a playlist called `a.mp4` makes it read other files and ask
other hosts. So a file is opened when it begins as a container does that has its images inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

# How many bytes tell a container.
HEAD = 4096

_AT_START = (
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"FLV\x01", "flv"),
    (b"GIF8", "gif"),
    (b"OggS", "ogg"),
    (b"0&\xb2u\x8ef\xcf\x11", "asf"),
    (b"\0\0\x01\xba", "mpeg"),
    (b"\0\0\x01\xb3", "raw"),
    (b"\0\0\0\x01", "raw"),
    (b"\0\0\x01", "raw"),
    (b"DKIF", "ivf"),
    (b"YUV4MPEG2", "raw"),
    (b"\x06\x0e+4", "mxf"),
    (b".RMF", "rm"),
    (b"\xff\xd8\xff", "jpegs"),
    (b"nut/multimedia", "nut"),
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx")

# What names other files or addresses instead of holding images.
_PLAYLISTS = re.compile(
    rb"\s*(\xef\xbb\xbf)?\s*(#EXTM3U|ffconcat|\[playlist\]|\[Reference\]|v=0\r?\n|<\?xml|<MPD|<ASX|"
    rb"<asx|<smil|<SmoothStreaming|rtsp://|rtsptext|https?://|file )",
)

# Rotation and mirroring of a track → EXIF's orientation, by the signs of its matrix.
_TURNS = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}

# Durations of edits are rounded to the film's units.
_MOST_ROUNDING = 0.02  # s

_SEGMENT = b"\x18S\x80g"


@dataclass(frozen=True)
class Container:
    """What a file says of itself; nothing was decoded."""

    kind: str = ""  # "mp4", "matroska", …; empty: none that holds its own images
    playlist: bool = False  # it names other files or addresses
    cut: str = ""  # how it shows that its end is missing
    turn: int | None = 1  # EXIF's orientation; None: the container does not say it exactly
    codec: str = ""  # its own name of the codec, where it is at hand
    samples: int = 0  # images that are shown of it; 0: not known exactly


def kind_of(head: bytes) -> str:
    """The container that bytes begin, or an empty text."""
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[4:8] in _BOXES:
        return "mp4"
    if len(head) > 188 and head[0] == head[188] == 0x47:
        return "mpegts"
    if len(head) > 196 and head[4] == head[196] == 0x47:
        return "mpegts"  # as cameras' cards have it, with a time before each packet
    return next((kind for magic, kind in _AT_START if head.startswith(magic)), "")


def is_playlist(head: bytes) -> bool:
    """Whether bytes begin a list of other files or addresses."""
    return _PLAYLISTS.match(head) is not None


def examine(path: Path) -> Container:
    """What a file says of itself.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD)
        kind = kind_of(head)
        if not kind:
            return Container(playlist=is_playlist(head))
        if kind == "mp4":
            return _of_mp4(file, size)
        ends = {
            "avi": _avi,
            "matroska": _matroska,
            "flv": _flv,
            "gif": _gif,
            "mpegts": _mpegts,
        }
        cut = ends.get(kind)
        codec = re.search(rb"V_[A-Z0-9_/]+", head) if kind == "matroska" else None
        name = codec[0].decode() if codec else ""
        return Container(kind, cut=cut(file, size) if cut else "", turn=None, codec=name)


def _of_mp4(file: BinaryIO, size: int) -> Container:
    cut, found, scale = "", None, 0
    for kind, start, end in _boxes(file, 0, size):
        if end > size:
            name = kind.decode("ascii", "replace")
            cut = f"its part '{name}' is to end at byte {end:,}, the file at {size:,}"
        elif kind == b"moov":
            for part, first, last in _boxes(file, start, end):
                if part == b"mvhd":
                    scale = _scale(_body(file, first, last))[0]
                elif part == b"trak":
                    found = found or _track(file, (first, last), scale)
    return replace(found or Container(), kind="mp4", cut=cut)


def _track(file: BinaryIO, place: tuple[int, int], scale: int) -> Container | None:
    """The orientation (0: by other than quarter turns), codec and count of a track of images.

    Args:
        place: where its box begins and ends.
        scale: units a second of the film, in which edits are.
    """
    bodies: dict[bytes, bytes] = {}
    for kind, first, last in _walk(file, *place):
        bodies.setdefault(kind, _body(file, first, last))
    if bodies.get(b"hdlr", b"")[8:12] != b"vide":
        return None
    units, duration = _scale(bodies.get(b"mdhd", b""))
    length = duration / units if units else 0.0
    shown = _edited(bodies.get(b"elst", b"")) / scale if scale else 0.0
    # What was trimmed, as telephones do, is in the file and not in the film.
    trimmed = 0 < shown < length - _MOST_ROUNDING
    samples = 0 if trimmed else int.from_bytes(bodies.get(b"stsz", b"")[8:12], "big")
    codec = bodies.get(b"stsd", b"")[12:16].decode("ascii", "replace")
    return Container(turn=_turn(bodies.get(b"tkhd", b"")), codec=codec, samples=samples)


def _turn(body: bytes) -> int:
    """EXIF's orientation of a track's matrix; 0 of what is none by quarters."""
    matrix = body[52 if body[:1] == b"\1" else 40 :]
    if len(matrix) < 20:
        return 1
    a, b, c, d = (_sign(matrix[at : at + 4]) for at in (0, 4, 12, 16))
    return _TURNS.get((a, b, c, d), 0)


def _body(file: BinaryIO, first: int, last: int) -> bytes:
    file.seek(first)
    return file.read(min(last - first, HEAD))


def _scale(body: bytes) -> tuple[int, int]:
    """Units a second, and the duration in them, of an `mvhd` or `mdhd`."""
    at, width = (20, 8) if body[:1] == b"\1" else (12, 4)
    end = at + 4 + width
    return int.from_bytes(body[at : at + 4], "big"), int.from_bytes(body[at + 4 : end], "big")


def _edited(body: bytes) -> int:
    """The duration of all edits, in the film's units; 0 where none is said."""
    size, width = (20, 8) if body[:1] == b"\1" else (12, 4)
    count = min(int.from_bytes(body[4:8], "big"), (len(body) - 8) // size)
    starts = range(8, 8 + size * count, size)
    return sum(int.from_bytes(body[at : at + width], "big") for at in starts)


def _sign(number: bytes) -> int:
    value = int.from_bytes(number, "big", signed=True)
    return (value > 0) - (value < 0)


def _walk(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of a track, those inside of others as well."""
    for kind, first, last in _boxes(file, start, end):
        yield kind, first, last
        if kind in (b"mdia", b"minf", b"stbl", b"edts"):
            yield from _walk(file, first, last)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The kind, beginning and end of each box's body; the end may be past that of the file."""
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, body = int.from_bytes(head[:4], "big"), start + 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), start + 16
        last = start + size if size else end
        if last < body:
            return
        yield head[4:8], body, last
        start = last


def _avi(file: BinaryIO, size: int) -> str:
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(8)
        if head[:4] != b"RIFF":
            break  # what some write behind the end
        length = int.from_bytes(head[4:], "little")
        if not length:
            return "its header was never finished"
        if at + 8 + length > size + 1:  # a byte of padding may be left out
            return f"it is to have {at + 8 + length:,} bytes and has {size:,}"
        at += 8 + length + length % 2
    return ""


def _matroska(file: BinaryIO, size: int) -> str:
    file.seek(0)
    head = file.read(HEAD)
    at = head.find(_SEGMENT) + len(_SEGMENT)
    if at < len(_SEGMENT) or at >= len(head) or not head[at]:
        return ""
    width = 9 - head[at].bit_length()
    length = int.from_bytes(head[at : at + width], "big") & (1 << 7 * width) - 1
    if length == (1 << 7 * width) - 1:  # a live recording, of unknown length
        return ""
    end = at + width + length
    return f"it is to have {end:,} bytes and has {size:,}" if end > size else ""


def _flv(file: BinaryIO, size: int) -> str:
    file.seek(max(0, size - 4))
    at = size - 4 - int.from_bytes(file.read(4), "big")
    file.seek(max(0, at))
    whole = at >= 13 and file.read(1)[:1] in (b"\x08", b"\x09", b"\x12")
    return "" if whole else "its last part has no end"


def _mpegts(file: BinaryIO, size: int) -> str:
    file.seek(0)
    packet = 188 if file.read(1) == b"G" else 192
    return f"{size % packet} of {packet} bytes of its last packet are there" * bool(size % packet)


def _gif(file: BinaryIO, size: int) -> str:
    file.seek(max(0, size - HEAD))
    return "" if file.read().rstrip(b"\0").endswith(b";") else "it has no end mark"
