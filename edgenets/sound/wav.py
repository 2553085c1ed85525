"""WAV files (RIFF, RF64): where their sound is, how it is written, whether all of it is there.

The header is not believed blindly. A recorder that is killed, or writes into a pipe, leaves a
length of 0 or of 2 GB and more; a copy that broke off has less than its header says.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from edgenets.sound.pcm import ENCODINGS, Encoding

# Lengths from here on are what recorders write that do not know it yet: 0x7FFFFFFF less a header,
# 0x80000000, 0xFFFFFFFF.
_UNKNOWN = 0x7FFF0000  # bytes

# Chunks before the sound that are looked through; a damaged file may seem to have any number.
_CHUNKS = 1000

# Those that are needed; they have some tens of bytes.
_KEPT = (b"fmt ", b"ds64")
_LONGEST = 1 << 20

# (format code, bytes of a sample) → encoding. Others are read by soundfile.
_CODES = {
    (1, 1): "u8",
    (1, 2): "s16le",
    (1, 3): "s24le",
    (1, 4): "s32le",
    (3, 4): "f32le",
    (3, 8): "f64le",
    (6, 1): "alaw",
    (7, 1): "mulaw",
}
_EXTENSIBLE = 0xFFFE


class Readable(Protocol):
    """A stream; it may have no end and no way back."""

    def read(self, size: int, /) -> bytes:
        """So many bytes; fewer at its end alone."""
        ...


@dataclass(frozen=True)
class WavHeader:
    """What a WAV file says of itself."""

    rate: int  # Hz
    channels: int
    encoding: Encoding
    offset: int  # bytes, where the sound begins
    claimed: int  # bytes of sound by the header
    long: bool = False  # whether the length has 64 bits

    @property
    def frame(self) -> int:
        """Bytes of a frame, a sample of each channel."""
        return self.channels * self.encoding.width

    @property
    def open_end(self) -> bool:
        """Whether the length is what recorders write that do not know it."""
        return self.claimed == 0 or self.claimed >= (1 << 62 if self.long else _UNKNOWN)


@dataclass(frozen=True)
class WavSound:
    """A header, and the sound that is there."""

    header: WavHeader
    bytes: int  # of sound, whole frames alone
    unknown: bool  # the header does not tell how much there is
    missing: int  # frames that the header promises and the file has not; a cut one counts
    extra: int  # bytes after the sound that are no chunk


def open_wav(file: BinaryIO, size: int) -> WavSound | None:
    """The sound of an open file of `size` bytes, or None where another reader is needed."""
    header = read_header(file)
    if header is None:
        return None
    there = max(0, size - header.offset)
    if header.claimed == 0 and _chunks_follow(file, header.offset, size):
        there = 0  # an empty recording, and whole
    unknown = header.open_end and there > 0 and not 0 < header.claimed <= there
    claimed = there if unknown else header.claimed
    length = min(claimed, there)
    whole = length - length % header.frame
    missing = 0 if unknown else -(-(claimed - whole) // header.frame)
    return WavSound(header, whole, unknown, missing, _extra(file, header.offset + length, size))


def read_header(file: Readable) -> WavHeader | None:
    """What a stream says of itself that begins as a WAV file does; it is left at its sound.

    None where it is none, or is written in a way that is not in `_CODES`. It needs no seeking.
    """
    start = file.read(12)
    if start[:4] not in (b"RIFF", b"RF64") or start[8:] != b"WAVE":
        return None
    at, bodies = 12, dict[bytes, bytes]()
    for _ in range(_CHUNKS):
        head = file.read(8)
        name, size = head[:4], int.from_bytes(head[4:], "little")
        at += 8
        if name == b"data":
            return _header(bodies, at, size)
        body = _taken(file, size + size % 2, keep=name in _KEPT)
        if len(head) < 8 or body is None:
            return None
        at += size + size % 2
        if name in _KEPT:
            bodies[name] = body
    return None


def _header(bodies: dict[bytes, bytes], at: int, size: int) -> WavHeader | None:
    """By the chunks before the sound, which begins at `at` and has `size` bytes (RF64: or more)."""
    form = _form(bodies.get(b"fmt ", b""))
    if form is None:
        return None
    long = bodies.get(b"ds64", b"")
    if size == 0xFFFFFFFF and len(long) >= 16:
        return WavHeader(*form, at, int.from_bytes(long[8:16], "little"), long=True)
    return WavHeader(*form, at, size)


def blocks(path: Path, sound: WavSound, frames: int) -> Iterator[bytes]:
    """The bytes of the sound, some frames at a time, as far as they can be read."""
    left = sound.bytes
    with path.open("rb") as file:
        file.seek(sound.header.offset)
        while left:
            data = file.read(min(left, frames * sound.header.frame))
            data = data[: len(data) - len(data) % sound.header.frame]
            if not data:  # it has become shorter since
                return
            left -= len(data)
            yield data


def _form(body: bytes) -> tuple[int, int, Encoding] | None:
    """Rate, channels and encoding by a `fmt ` chunk, or None for others."""
    if len(body) < 16:
        return None
    code, channels, rate, _, align, bits = struct.unpack("<HHIIHH", body[:16])
    if code == _EXTENSIBLE and len(body) >= 26:
        code = int.from_bytes(body[24:26], "little")
    if not channels or align % channels:
        return None
    # The bytes of a sample may be more than its bits: 24 bits in 4 bytes, left in them.
    width = align // channels
    name = _CODES.get((code, width))
    return (rate, channels, ENCODINGS[name]) if name and 0 < bits <= 8 * width else None


def _taken(file: Readable, size: int, keep: bool) -> bytes | None:
    """Go over a chunk, and return its bytes if they are wanted; None where the file ends."""
    if keep:
        body = file.read(min(size, _LONGEST))
        return body if size <= _LONGEST and len(body) >= size - 1 else None
    while size:
        data = file.read(min(size, 1 << 16))
        if not data:
            return None
        size -= len(data)
    return b""


def _chunks_follow(file: BinaryIO, at: int, size: int) -> bool:
    """Whether nothing but chunks stands from here to the end of the file."""
    while at + 8 <= size:
        file.seek(at)
        head = file.read(8)
        if not is_name(head[:4]):
            return False
        length = int.from_bytes(head[4:], "little")
        at += 8 + length + length % 2
    return at in (size, size + 1)


def _extra(file: BinaryIO, at: int, size: int) -> int:
    """Bytes from the end of the sound on that are no chunk."""
    file.seek(min(at + at % 2, size))
    name = file.read(4)
    return 0 if len(name) < 4 or is_name(name) else size - at


def is_name(name: bytes) -> bool:
    """Whether bytes are what chunks are called."""
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)
