"""Samples as bytes: every encoding that raw PCM and WAV files have, named as FFmpeg names them.

NumPy alone: a device needs no library for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

# Float32 in [−1, 1), or 16-bit PCM as it comes from most microphones.
Sound = NDArray[np.float32] | NDArray[np.int16]

# One step of 16-bit sound.
FULL_SCALE = 32768.0  # of 16-bit sound; a power of two: dividing by it rounds nothing
_PCM_UNIT = np.float32(1.0 / FULL_SCALE)


@dataclass(frozen=True)
class Encoding:
    """How a sample is written."""

    name: str
    width: int  # bytes of a sample
    # Bytes of whole samples → (n,); 16-bit PCM of this byte order stays as it is. Floats are taken
    # as they are: what is not a number stays so.
    decode: Callable[[bytes], Sound]


def pcm16_to_float(data: bytes | NDArray[np.int16]) -> NDArray[np.float32]:
    """16-bit little-endian PCM to float32 in [−1, 1)."""
    pcm = np.frombuffer(data, dtype="<i2") if isinstance(data, bytes) else data
    samples = pcm.astype(np.float32)
    samples *= _PCM_UNIT  # in place: a product of mixed types takes NumPy twice as long
    return samples


def as_float(samples: Sound) -> NDArray[np.float32]:
    """Sound of either kind as float32 in [−1, 1)."""
    if samples.dtype == np.int16:
        return pcm16_to_float(cast("NDArray[np.int16]", samples))
    return cast("NDArray[np.float32]", samples)


def mean_of(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(channels, n) to (n,). NumPy's mean along a short last axis takes several times as long."""
    mean: NDArray[np.float32] = channels[0].copy()
    for channel in channels[1:]:
        mean += channel
    mean /= np.float32(len(channels))
    return mean


def _integers(dtype: str, middle: int = 0) -> Callable[[bytes], NDArray[np.float32]]:
    scale = float(1 << (8 * np.dtype(dtype).itemsize - 1))

    def decode(data: bytes) -> NDArray[np.float32]:
        values = np.frombuffer(data, dtype).astype(np.float64)
        return ((values - middle) / scale).astype(np.float32)

    return decode


def _integers24(little: bool) -> Callable[[bytes], NDArray[np.float32]]:
    def decode(data: bytes) -> NDArray[np.float32]:
        bytes_of = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(bytes_of), 4), np.uint8)  # the lowest byte of 32 bits stays 0
        wide[:, 1:] = bytes_of if little else bytes_of[:, ::-1]
        return (wide.view("<i4")[:, 0] / float(1 << 31)).astype(np.float32)

    return decode


def _floats(dtype: str) -> Callable[[bytes], NDArray[np.float32]]:
    def decode(data: bytes) -> NDArray[np.float32]:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.frombuffer(data, dtype).astype(np.float32)

    return decode


def _pcm16(data: bytes) -> NDArray[np.int16]:
    return np.frombuffer(data, "<i2")


def _pcm16_swapped(data: bytes) -> NDArray[np.int16]:
    return np.frombuffer(data, ">i2").astype("<i2")


def _table(expand: Callable[[int], int]) -> Callable[[bytes], NDArray[np.int16]]:
    table = np.array([expand(code) for code in range(256)], np.int16)

    def decode(data: bytes) -> NDArray[np.int16]:
        found: NDArray[np.int16] = table[np.frombuffer(data, np.uint8)]
        return found

    return decode


def _mu_law(code: int) -> int:
    """ITU-T G.711, mu-law."""
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - size if code & 0x80 else size - 0x84


def _a_law(code: int) -> int:
    """ITU-T G.711, A-law."""
    code ^= 0x55
    size, segment = ((code & 0x0F) << 4) + 8, (code & 0x70) >> 4
    if segment:
        size = (size + 0x100) << (segment - 1)
    return size if code & 0x80 else -size


def _encodings(*all_of: tuple[str, int, Callable[[bytes], Sound]]) -> dict[str, Encoding]:
    return {name: Encoding(name, width, decode) for name, width, decode in all_of}


ENCODINGS = _encodings(
    ("s16le", 2, _pcm16), ("s16be", 2, _pcm16_swapped),
    ("u8", 1, _integers("u1", middle=128)), ("s8", 1, _integers("i1")),
    ("s24le", 3, _integers24(little=True)), ("s24be", 3, _integers24(little=False)),
    ("s32le", 4, _integers("<i4")), ("s32be", 4, _integers(">i4")),
    ("f32le", 4, _floats("<f4")), ("f32be", 4, _floats(">f4")),
    ("f64le", 8, _floats("<f8")), ("f64be", 8, _floats(">f8")),
    ("mulaw", 1, _table(_mu_law)), ("alaw", 1, _table(_a_law)),
)  # fmt: skip
