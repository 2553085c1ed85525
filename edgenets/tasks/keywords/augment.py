"""What happens to a recording before training sees it: speed, gain, room, noise, masks.

Every function takes the random generator that it draws from, so a training is
reproducible from its seed. Sound is mono float32 in [−1, 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]

# Reverberation times of small to middling rooms.
ROOM_SECONDS = (0.1, 0.4)

# s of which the power of a recording is taken, and the share of them that count as quiet.
FRAME, QUIET = 0.02, 0.1

# Level of the hiss that is always added: a microphone is never digitally silent.
DITHER = 1e-4


def change_speed(sound: Sound, factor: float) -> Sound:
    """Play `factor` times as fast, pitch and all, by linear interpolation."""
    places = np.arange(int(len(sound) / factor)) * factor
    played: Sound = np.interp(places, np.arange(len(sound)), sound).astype(np.float32)
    return played


def fit(sound: Sound, length: int, offset: int = 0) -> Sound:
    """Cut or pad to `length` samples about the middle, moved later by `offset` samples."""
    out = np.zeros(length, dtype=np.float32)
    start = (length - len(sound)) // 2 + offset
    source = max(0, -start)
    target = max(0, start)
    count = min(len(sound) - source, length - target)
    if count > 0:
        out[target : target + count] = sound[source : source + count]
    return out


def colored_noise(rng: np.random.Generator, length: int) -> Sound:
    """Noise with a spectrum between white and brown (power ∝ 1/f^a, a in 0…2), unit RMS."""
    size = 1 << (length - 1).bit_length()  # a length that the FFT likes
    spectrum = np.fft.rfft(rng.standard_normal(size))
    spectrum[1:] *= np.arange(1, len(spectrum)) ** (-rng.uniform(0, 2) / 2)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum)[:length]
    unit: Sound = (noise / (noise.std() + 1e-12)).astype(np.float32)
    return unit


def reverberate(rng: np.random.Generator, sound: Sound, sample_rate: int) -> Sound:
    """Put sound into a synthetic room: a direct path and exponentially decaying noise."""
    seconds = rng.uniform(*ROOM_SECONDS)
    taps = int(seconds * sample_rate)
    # 60 dB of decay over the reverberation time is a factor of e^(−6.9).
    tail = rng.standard_normal(taps) * np.exp(-6.9 * np.arange(taps) / taps)
    tail *= rng.uniform(0.2, 0.8) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    size = _quick(len(sound) + taps)
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size))[: len(sound)]
    return wet.astype(np.float32)


def _quick(length: int) -> int:
    """A length, as long or a little longer, that the FFT likes: 2, 3 and 5 times small powers."""
    powers = (1 << bits for bits in range(length.bit_length() + 1))
    return min(n * power for power in powers for n in (1, 3, 5, 9, 15) if n * power >= length)


def add_noise(sound: Sound, noise: Sound, snr_db: float) -> Sound:
    """Add noise at a signal-to-noise ratio, measured on RMS over the whole of both."""
    level = _rms(sound) / max(_rms(noise), 1e-9) * 10 ** (-snr_db / 20)
    mixed: Sound = sound + np.float32(level) * noise
    return mixed


def drawn_ratio(rng: np.random.Generator, decibels: tuple[float, float]) -> float:
    """A factor between two levels, dB, alike over the logarithm."""
    return float(10 ** (rng.uniform(*decibels) / 20))


def apply_gain(sound: Sound, decibels: float) -> Sound:
    """Louder or softer, saturating where a sound card would."""
    louder: Sound = np.clip(sound * np.float32(10 ** (decibels / 20)), -1.0, 1.0)
    return louder


def shift_bands(frames: NDArray[np.float32], shift: int) -> NDArray[np.float32]:
    """Move (frames, bands) up by `shift` bands, as a shorter vocal tract would; edges repeat.

    A cheap kin of vocal tract length perturbation (Jaitly and Hinton 2013).
    """
    if shift == 0:
        return frames
    bands = np.clip(np.arange(frames.shape[1]) - shift, 0, frames.shape[1] - 1)
    return frames[:, bands]


def equalize(rng: np.random.Generator, bands: int, decibels: float) -> NDArray[np.float32]:
    """A microphone's response: a random smooth curve over the bands, (bands,) in dB."""
    low, middle, high = rng.uniform(-decibels, decibels, 3)
    places, gains = (0, (bands - 1) / 2, bands - 1), (low, middle / 2, high)
    curve: NDArray[np.float32] = np.interp(np.arange(bands), places, gains).astype(np.float32)
    return curve


def mask(
    rng: np.random.Generator, frames: NDArray[np.float32], axis: int, count: int, widest: int
) -> None:
    """Blank up to `count` stretches along an axis, in place (SpecAugment, arXiv:1904.08779)."""
    widest = min(widest, frames.shape[axis])
    for _ in range(count):
        width = int(rng.integers(0, widest + 1))
        start = int(rng.integers(0, frames.shape[axis] - width + 1))
        stretch = [slice(None)] * frames.ndim
        stretch[axis] = slice(start, start + width)
        frames[tuple(stretch)] = 0.0  # the mean, as features are normalized


def frame_powers(sound: NDArray[np.float32 | np.int16], sample_rate: int) -> NDArray[np.float32]:
    """The mean power of each frame of FRAME seconds, (frames,); none where sound is shorter."""
    size = int(FRAME * sample_rate)
    frames = sound[: len(sound) // size * size].reshape(-1, size)
    powers: NDArray[np.float32] = np.mean(np.square(frames.astype(np.float32)), axis=1)
    return powers


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound), dtype=np.float64)))
