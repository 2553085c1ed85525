"""Sound files and sample rates: everything becomes mono sound of one rate.

WAV is read by `wav`, so a device needs nothing more for it; other files are read by soundfile
(libsndfile, in `decoder`), other rates turned by soxr. What is odd about a file or its sound is
reported to who asks for it; see `check`.
"""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Reals
from edgenets.errors import DataError
from edgenets.extras import require
from edgenets.sound.check import Finding, SoundCheck, why_not
from edgenets.sound.file import open_file
from edgenets.sound.input import SAMPLE_RATES
from edgenets.sound.pcm import FULL_SCALE as FULL_SCALE
from edgenets.sound.pcm import Sound as Sound
from edgenets.sound.pcm import as_float as as_float
from edgenets.sound.pcm import mean_of
from edgenets.sound.pcm import pcm16_to_float as pcm16_to_float

SUFFIXES = frozenset(
    {
        ".wav",
        ".flac",
        ".mp3",
        ".ogg",
        ".oga",
        ".opus",
        ".aif",
        ".aiff",
        ".au",
        ".caf",
        ".w64",
        ".rf64",
    }
)

# What is read into memory is a clip; beyond this it is not, or a damaged file never ends.
LONGEST_CLIP = 3600.0  # s

# Frames read at once from a file: a quarter of a second at 16 kHz.
BLOCK = 4096

# Beyond them a header is broken.
RATES = SAMPLE_RATES

# Takes what is odd about a file or its sound.
Report = Callable[[Finding], None]


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


def to_mono(samples: Sound, channel: int | None = None) -> Sound:
    """(n,) or (n, channels) to (n,): the mean of the channels, or one of them, from 1."""
    if samples.ndim == 1:
        return samples
    if samples.shape[1] == 1:
        return samples[:, 0]
    if channel is not None:
        return samples[:, channel - 1]
    return mean_of(as_float(samples).T)


def as_pcm16(samples: Sound) -> NDArray[np.int16]:
    """Sound of either kind as 16-bit PCM."""
    if samples.dtype == np.int16:
        return cast("NDArray[np.int16]", samples)
    return float_to_pcm16(cast("NDArray[np.float32]", samples))


def float_to_pcm16(samples: Reals) -> NDArray[np.int16]:
    """Float in [−1, 1) to 16-bit PCM, saturating."""
    scaled = np.rint(np.asarray(samples) * FULL_SCALE)
    pcm: NDArray[np.int16] = np.clip(scaled, -32768, 32767).astype("<i2")
    return pcm


def read_blocks(
    path: Path,
    rate: int,
    block: int = BLOCK,
    report: Report | None = None,
    channel: int | None = None,
) -> Iterator[NDArray[np.float32]]:
    """The sound of a file as mono float32 blocks at `rate` Hz, with bounded memory.

    Args:
        report: called with what is odd about the file or its sound. A file that ends early or is
            damaged is then read as far as it goes; else damage is an error.
        channel: take this one alone, from 1; None takes the mean of all.

    Raises:
        DataError: the file is missing, empty, truncated before its first sample, or no sound.
        MissingExtra: the file needs soundfile or soxr and it is not installed.
    """
    with open_file(path) as file:
        if file.rate not in RATES:
            raise DataError(f"{path}: a sample rate of {file.rate} Hz cannot be right")
        if channel is not None and channel > file.channels:
            raise DataError(f"{path}: has no channel {channel}; it has {file.channels}")
        resampler = Resampler(file.rate, rate)
        check = SoundCheck(file.rate, file.encoding, channel)
        findings = [*file.before(rate)]
        with closing(file.blocks(block)) as blocks:
            for samples in blocks:
                _report(findings, report)
                if why := why_not(samples, file.raw, file.encoding, file.channels):
                    raise DataError(f"{path}: {why}")
                samples = as_float(samples)
                findings = [*check.push(samples, file.raw)] if report is not None else []
                out = resampler.push(to_mono(samples, channel))
                if len(out):
                    yield as_float(out)
        out = resampler.push(np.zeros(0, dtype=np.float32), last=True)
        if len(out):
            yield as_float(out)
        _report([*findings, *check.finish(), *file.after(rate)], report)
        if report is None and file.broken:
            raise DataError(f"{path}: damaged: {file.broken}")


def _report(findings: list[Finding], report: Report | None) -> None:
    if report is not None:
        for finding in findings:
            report(finding)


def read(path: Path, rate: int, report: Report | None = None) -> NDArray[np.float32]:
    """The whole sound of a file as (n,) mono float32 at `rate` Hz; see `read_blocks`.

    Raises:
        DataError: it is longer than `LONGEST_CLIP`; else as `read_blocks`.
    """
    parts, left = [], LONGEST_CLIP * rate
    for part in read_blocks(path, rate, 1 << 20, report):
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
