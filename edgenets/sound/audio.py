"""Sound files and sample rates: everything becomes mono sound of one rate.

16-bit WAV is read by the standard library, so a device needs nothing more for
it; other files are read by soundfile (libsndfile), other rates turned by soxr.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Reals
from edgenets.errors import DataError
from edgenets.extras import require
from edgenets.sound.input import SAMPLE_RATES

SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg"})

# What is read into memory is a clip; beyond this it is not, or a damaged file never ends.
LONGEST_CLIP = 3600.0  # s

# Frames read at once from a file: a quarter of a second at 16 kHz.
BLOCK = 4096

# Float32 in [−1, 1), or 16-bit PCM as it comes from most microphones.
Sound = NDArray[np.float32] | NDArray[np.int16]

# One step of 16-bit sound.
FULL_SCALE = 32768.0  # of 16-bit sound; a power of two: dividing by it rounds nothing
_PCM_UNIT = np.float32(1.0 / FULL_SCALE)

# Beyond them a header is broken.
RATES = SAMPLE_RATES


class Resampler:
    """Mono sound of one rate to mono sound of another, block by block."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._stream = None
        if source_rate != target_rate:
            soxr = require("soxr")
            self._stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32")

    def push(self, samples: Sound, last: bool = False) -> Sound:
        """(n,) samples to (m,) samples; `last` flushes what the filter still holds."""
        if self._stream is None:
            return samples
        out: NDArray[np.float32] = self._stream.resample_chunk(as_float(samples), last=last)
        return out


def to_mono(samples: Sound) -> Sound:
    """(n,) or (n, channels) to (n,): the mean of the channels."""
    if samples.ndim == 1:
        return samples
    if samples.shape[1] == 1:
        return samples[:, 0]
    mean: NDArray[np.float32] = as_float(samples).mean(axis=1, dtype=np.float32)
    return mean


def as_float(samples: Sound) -> NDArray[np.float32]:
    """Sound of either kind as float32 in [−1, 1)."""
    if samples.dtype == np.int16:
        return pcm16_to_float(cast("NDArray[np.int16]", samples))
    return cast("NDArray[np.float32]", samples)


def as_pcm16(samples: Sound) -> NDArray[np.int16]:
    """Sound of either kind as 16-bit PCM."""
    if samples.dtype == np.int16:
        return cast("NDArray[np.int16]", samples)
    return float_to_pcm16(cast("NDArray[np.float32]", samples))


def pcm16_to_float(data: bytes | NDArray[np.int16]) -> NDArray[np.float32]:
    """16-bit little-endian PCM to float32 in [−1, 1)."""
    pcm = np.frombuffer(data, dtype="<i2") if isinstance(data, bytes) else data
    samples = pcm.astype(np.float32)
    samples *= _PCM_UNIT  # in place: a product of mixed types takes NumPy twice as long
    return samples


def float_to_pcm16(samples: Reals) -> NDArray[np.int16]:
    """Float in [−1, 1) to 16-bit PCM, saturating."""
    scaled = np.rint(np.asarray(samples) * FULL_SCALE)
    pcm: NDArray[np.int16] = np.clip(scaled, -32768, 32767).astype("<i2")
    return pcm


def read_blocks(path: Path, rate: int, block: int = BLOCK) -> Iterator[NDArray[np.float32]]:
    """The sound of a file as mono float32 blocks at `rate` Hz, with bounded memory.

    Raises:
        DataError: the file is missing, empty, truncated before its first sample, or no sound.
        MissingExtra: the file needs soundfile or soxr and it is not installed.
    """
    with _reader(path) as (source_rate, blocks):
        if source_rate not in RATES:
            raise DataError(f"{path}: a sample rate of {source_rate} Hz cannot be right")
        resampler = Resampler(source_rate, rate)
        for samples in blocks(block):
            if not np.isfinite(samples).all():
                raise DataError(f"{path}: holds samples that are not finite numbers")
            out = resampler.push(to_mono(samples))
            if len(out):
                yield as_float(out)
        out = resampler.push(np.zeros(0, dtype=np.float32), last=True)
        if len(out):
            yield as_float(out)


def read(path: Path, rate: int) -> NDArray[np.float32]:
    """The whole sound of a file as (n,) mono float32 at `rate` Hz; errors as `read_blocks`.

    Raises:
        DataError: it is longer than `LONGEST_CLIP`.
    """
    parts, left = [], LONGEST_CLIP * rate
    for part in read_blocks(path, rate, block=1 << 20):
        left -= len(part)
        if left < 0:
            raise DataError(f"{path}: longer than {LONGEST_CLIP:g} s; cut it into clips")
        parts.append(part)
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def write_wav(path: Path, samples: Reals, rate: int) -> None:
    """Write mono sound as 16-bit WAV."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(float_to_pcm16(samples).tobytes())


@contextmanager
def _reader(path: Path) -> Iterator[tuple[int, Any]]:
    """The file's rate, and a function from a block's size to blocks, (n, channels) float32."""
    try:
        there = path.is_file()
    except OSError as exc:  # a name that is too long, a folder that may not be looked into
        raise DataError(f"{path}: cannot be read: {exc.strerror}") from exc
    if not there:
        raise DataError(f"{path}: no such sound file")
    plain = _open_pcm16_wav(path)
    if plain is not None:
        with plain:
            yield plain.getframerate(), lambda block: _wave_blocks(plain, block)
        return
    soundfile = require("soundfile")
    try:
        opened = soundfile.SoundFile(str(path))
    except (soundfile.SoundFileError, TypeError) as exc:  # TypeError: a .raw tells no rate
        raise DataError(f"{path}: not a sound file that can be read ({exc})") from exc
    with opened as sound:
        try:
            yield sound.samplerate, lambda block: _soundfile_blocks(sound, block)
        except soundfile.SoundFileError as exc:
            raise DataError(f"{path}: damaged: {exc}") from exc


def _open_pcm16_wav(path: Path) -> wave.Wave_read | None:
    """The file as an open 16-bit WAV, or None when another reader is needed."""
    try:
        sound = wave.open(str(path), "rb")  # noqa: SIM115  its user closes it
    except (wave.Error, EOFError, RuntimeError):  # RuntimeError: a chunk outside of its chunk
        return None
    except OSError as exc:
        raise DataError(f"{path}: cannot be read: {exc.strerror}") from exc
    if sound.getsampwidth() != 2:
        sound.close()
        return None
    return sound


def _soundfile_blocks(sound: Any, block: int) -> Iterator[NDArray[np.float32]]:
    # SoundFile.blocks believes the header's length, and repeats itself where a file is cut off.
    while len(samples := sound.read(block, dtype="float32", always_2d=True)):
        yield samples


def _wave_blocks(sound: wave.Wave_read, block: int) -> Iterator[NDArray[np.float32]]:
    channels = sound.getnchannels()
    while data := sound.readframes(block):
        usable = len(data) - len(data) % (2 * channels)  # a truncated file ends in mid-frame
        yield pcm16_to_float(data[:usable]).reshape(-1, channels)
