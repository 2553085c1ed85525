"""What a microphone hears while nobody speaks: noise, hum, clicks, and next to nothing."""

from __future__ import annotations

import numpy as np

from edgenets.tasks.keywords.augment import Sound, colored_noise

# Levels in dB below full scale, RMS; 16-bit sound ends at −96.
NOISE_LEVELS = (-60.0, -20.0)
QUIET_LEVELS = (-90.0, -66.0)
HUM_LEVELS = (-55.0, -25.0)
HISS_LEVELS = (-85.0, -55.0)  # under hum and clicks

# The loudest sample of a click, in dB below full scale.
CLICK_PEAKS = (-30.0, -6.0)
CLICK_SECONDS = (0.001, 0.01)  # in which it falls by 9 dB (to 1/e)
MOST_CLICKS = 6  # a second

# Mains frequencies, and how many of their harmonics are heard.
MAINS = (50.0, 60.0)  # Hz
HARMONICS = 10


def background(rng: np.random.Generator, length: int, sample_rate: int) -> Sound:
    """A stretch of background of any kind, (length,), within (−1, 1)."""
    kind = int(rng.integers(4))
    if kind == 0:
        sound = _at(rng, colored_noise(rng, length), NOISE_LEVELS)
    elif kind == 1:
        sound = _at(rng, rng.standard_normal(length, dtype=np.float32), QUIET_LEVELS)
    else:
        sound = _at(rng, colored_noise(rng, length), HISS_LEVELS)
        sound += hum(rng, length, sample_rate) if kind == 2 else clicks(rng, length, sample_rate)
    return np.clip(sound, -0.99, 0.99)


def hum(rng: np.random.Generator, length: int, sample_rate: int) -> Sound:
    """Mains hum: a fundamental and harmonics that grow weaker, (length,)."""
    orders = np.arange(1, HARMONICS + 1)
    orders = orders[orders * max(MAINS) < sample_rate / 2]
    strengths = rng.uniform(0, 1, len(orders)) / orders
    phases = rng.uniform(0, 2 * np.pi, len(orders))
    seconds = np.arange(length) / sample_rate
    cycles = np.outer(orders * rng.choice(MAINS), seconds)
    sound = strengths @ np.sin(2 * np.pi * cycles + phases[:, None])
    return _at(rng, sound.astype(np.float32), HUM_LEVELS)


def clicks(rng: np.random.Generator, length: int, sample_rate: int) -> Sound:
    """Keys, switches, knocks: short bursts of noise that die away, (length,)."""
    sound = np.zeros(length, dtype=np.float32)
    most = max(1, round(MOST_CLICKS * length / sample_rate))
    for _ in range(int(rng.integers(1, most, endpoint=True))):
        start = int(rng.integers(length))
        decay = np.exp(-np.arange(length - start) / (rng.uniform(*CLICK_SECONDS) * sample_rate))
        burst = colored_noise(rng, len(decay)) * decay if len(decay) > 1 else decay
        peak = 10 ** (rng.uniform(*CLICK_PEAKS) / 20)
        sound[start:] += (burst * peak / (np.abs(burst).max() + 1e-12)).astype(np.float32)
    return sound


def _at(rng: np.random.Generator, sound: Sound, levels: tuple[float, float]) -> Sound:
    """The same at a level drawn from a range, in dB RMS."""
    rms = float(np.sqrt(np.mean(np.square(sound), dtype=np.float64)))
    return sound * np.float32(10 ** (rng.uniform(*levels) / 20) / max(rms, 1e-9))
