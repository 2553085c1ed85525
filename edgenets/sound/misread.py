"""Whether bytes are sound in another encoding than the one that they are read in.

Sound is smooth: a sample is much like the one before. Bytes that are read in a wrong encoding are
loud noise; where they are smooth in another encoding, that is the one that they were written in.
Real noise (rain, an s) is rough in all of them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.sound.pcm import ENCODINGS, Encoding, Sound, as_float

if TYPE_CHECKING:
    from edgenets.sound.level import Level

# Roughness of white noise is 1, of speech 0.05 to 0.3, of a tone at half the rate 2.
NOISE = (0.5, 1.6)

# The other encoding has to be this smooth, and so much smoother than what is read.
_SMOOTH = 0.3
_SMOOTHER = 0.4

# Sound that is louder than this on average (RMS) is none that a microphone gives.
_TOO_LOUD = 0.5

# Noise below it may be that of a room; noise of a wrong encoding is far louder than the sound.
_LOUD = 0.05
_LOUDER = 1.8

# Below it nothing is tried.
_QUIETEST = 0.003

# Floats of sound are at most so large; more than full scale, for some recorders overshoot.
_LARGEST = 4.0
_FAINTEST = 1e-3
_TINY = 1e-9  # floats of another byte order

# The letters "RIFF" as 16 bits are 0.57 and 0.55.
_LETTERS = 0.54

# Bytes that are tried in all encodings.
_TRIED = 1 << 14

# Seconds that are tried at first, and how many have to agree.
_TRIES, _AGREE = 60, 2

# In a recording of at most so many seconds one is enough.
_SHORT = 10

# Two equal channels that are read as one: neighbors are equal in pairs, and not across pairs.
_TWICE = 0.01  # energy of the differences, within over across
_TWICE_SECONDS = 3


class Misread:
    """Whether a stream of bytes is read in a wrong encoding; it answers once."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._tries, self._seconds, self._twice = 0, 0, 0
        self._found: Counter[str] = Counter()

    def take(self, level: Level, raw: bytes, channels: int) -> tuple[str, str] | None:
        """The kind and the text of what is wrong, after this second, if anything."""
        self._seconds += 1
        # A search takes 20 µs; as samples of 16 bits these letters are loud.
        quiet = self._encoding == "s16le" and channels < 3 and level.high < _LETTERS
        if not quiet and _has_header(raw):
            return "header", (
                "the header of a WAV file stands in the middle of the sound: files that are joined "
                "byte by byte, or a file in a file; what it holds may have another format"
            )
        if suspicious(level) and self._try():
            other = resembles(raw, self._encoding, channels)
            if other is not None:
                self._found[other] += 1
                if self._found[other] >= _AGREE:
                    return "format", self._text(other)
        elif channels == 1 and self._twice >= 0 and level.rms > _LOUD:
            return self._pairs(raw)
        return None

    def _try(self) -> bool:
        """Whether there is time to try: at first every second, then one a minute."""
        self._tries += 1
        return self._tries <= _TRIES or self._tries % 60 == 0

    def finish(self) -> str | None:
        """What is wrong with a recording that was too short to be sure."""
        if not self._found or self._seconds > _SHORT:
            return None
        return self._text(self._found.most_common(1)[0][0])

    def _text(self, other: str) -> str:
        return (
            f"read as {self._encoding} it is noise, as {other} it is smooth sound: its format is "
            f"wrong; give format={other} for raw PCM, or write the file anew"
        )

    def _pairs(self, raw: bytes) -> tuple[str, str] | None:
        samples = as_float(ENCODINGS[self._encoding].decode(raw))
        samples = samples[: len(samples) - len(samples) % 2]
        within, across = samples[1::2] - samples[::2], samples[2::2] - samples[1:-1:2]
        if float(np.dot(within, within)) > _TWICE * float(np.dot(across, across)):
            self._twice = -1  # settled: it is one channel
            return None
        self._twice += 1
        if self._twice < _TWICE_SECONDS:
            return None
        self._twice = -1
        return "channels", (
            "every sample comes twice: it is two equal channels that are read as one, as by a "
            "missing channels=2, or sound of half the rate"
        )


def _has_header(raw: bytes) -> bool:
    at = raw.find(b"RIFF")
    return at >= 0 and raw[at + 8 : at + 12] == b"WAVE"


def roughness(samples: NDArray[np.float32], rms: float, mean: float) -> float:
    """Mean square of the differences of neighbors over twice the variance; (n,), n > 1."""
    steps = samples[1:] - samples[:-1]
    variance = rms * rms - mean * mean
    if not variance > 1e-12:
        return 0.0
    return float(np.dot(steps, steps)) / (2 * variance * len(steps))


def suspicious(level: Level) -> bool:
    """Whether sound is what bytes of another encoding look like."""
    if 0 < level.swing < _TINY or level.rms > _TOO_LOUD:
        return True
    return level.rms > _QUIETEST and NOISE[0] < level.rough < NOISE[1]


def resembles(raw: bytes, declared: str, channels: int) -> str | None:
    """The encoding in which bytes are smooth sound, or None.

    Args:
        raw: whole frames of the declared encoding.
    """
    encoding = ENCODINGS[declared]
    raw = _loudest(raw, encoding, channels)
    samples = as_float(encoding.decode(raw))
    limit, loudest = _SMOOTH, np.inf
    if _is_sound(samples):
        samples = samples[::channels]
        rms = _rms(samples)
        limit = min(_SMOOTH, _SMOOTHER * roughness(samples, rms, float(samples.mean())))
        # Where every other sample is 0, they are the lower halves of larger ones.
        if samples[::2].any() and samples[1::2].any():
            if rms < _LOUD:
                return None
            loudest = rms / _LOUDER
    found = {
        name: _roughness_in(raw, other, channels, loudest)
        for name, other in ENCODINGS.items()
        if name != declared
    }
    name = min(found, key=lambda name: found[name])
    return name if found[name] < limit else None


def _loudest(raw: bytes, encoding: Encoding, channels: int) -> bytes:
    """The loudest part of bytes, for it is there that an encoding shows."""
    frame = encoding.width * channels
    size = max(1, _TRIED // frame) * frame
    parts = [_whole(raw[at : at + size], frame) for at in range(0, len(raw), size)]
    with np.errstate(over="ignore", invalid="ignore"):
        return max(parts, key=lambda part: np.nan_to_num(_rms(as_float(encoding.decode(part)))))


def _is_sound(samples: NDArray[np.float32]) -> bool:
    """Whether these may be samples: finite, of a usual size, and not all next to 0."""
    low, high = float(samples.min()), float(samples.max())
    return low > -_LARGEST and high < _LARGEST and high - low > _TINY


def _rms(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.dot(samples, samples) / max(1, len(samples))))


def _roughness_in(raw: bytes, encoding: Encoding, channels: int, loudest: float) -> float:
    """Roughness of bytes in an encoding, from the best place; infinite where they are no sound."""
    frame = encoding.width * channels
    rough = [
        _rough(encoding.decode(_whole(part, frame))[::channels], loudest)
        for part in (raw[start:] for start in range(encoding.width))
    ]
    return min(rough)


def _whole(raw: bytes, frame: int) -> bytes:
    return raw[: len(raw) - len(raw) % frame]


def _rough(samples: Sound, loudest: float) -> float:
    if len(samples) < 64:
        return np.inf
    floats = as_float(samples)
    if not _is_sound(floats):
        return np.inf
    rms, mean = _rms(floats), float(floats.mean())
    if floats.max() - floats.min() < _FAINTEST or rms > min(_TOO_LOUD, loudest):
        return np.inf
    return roughness(floats, rms, mean)
