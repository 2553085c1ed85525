"""What words are said in: other people, music, things that strike, run and hum.

Nothing of it is recorded. What a network does not hear in training it does not hear words through,
so each kind is made in as many ways as it costs little to make.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgenets.sound.audio import pcm16_to_float
from edgenets.tasks.keywords.augment import Sound, colored_noise
from edgenets.tasks.keywords.background import background
from edgenets.tasks.keywords.running import Pcm

# Noises that are made for a training, by kind. People are the hardest.
COLORED, BABBLE, MUSIC, PLACES, CLATTER, MACHINES, QUIET = 60, 150, 40, 40, 70, 50, 40

TALKERS = (1, 6)

# What strikes rings at some of its own frequencies, and dies away by 60 dB in so long.
STRIKES = (1.0, 9.0)  # a second
MODES = (300.0, 7000.0)  # Hz
RINGING = (0.03, 0.6)  # s

# What runs hums at multiples of its turns, and swells.
TURNS = (25.0, 350.0)  # Hz
SWELLS = (0.2, 8.0)  # Hz


def noises(
    speech: Sequence[Pcm], quiet: Sequence[Pcm], length: int, sample_rate: int
) -> tuple[Sound, ...]:
    """All kinds, each (length,) and of unit RMS.

    Args:
        speech: what is babbled.
        quiet: recordings in which nobody speaks.
    """
    rng = np.random.default_rng(17)
    bank = [colored_noise(rng, length) for _ in range(COLORED)]
    bank += [babble(rng, speech, length) for _ in range(BABBLE)]
    bank += [music(rng, length, sample_rate) for _ in range(MUSIC)]
    bank += [background(rng, length, sample_rate) for _ in range(PLACES)]
    bank += [clatter(rng, length, sample_rate) for _ in range(CLATTER)]
    bank += [machine(rng, length, sample_rate) for _ in range(MACHINES)]
    chosen = rng.permutation(len(quiet))[:QUIET].tolist()
    bank += [np.resize(pcm16_to_float(quiet[number]), length) for number in chosen]
    return tuple(noise / np.float32(noise.std()) for noise in bank if noise.std() > 0)


def babble(rng: np.random.Generator, speech: Sequence[Pcm], length: int) -> Sound:
    """Several people who speak at once, (length,)."""
    sound = np.zeros(length, np.float32)
    for _ in range(int(rng.integers(*TALKERS, endpoint=True))):
        parts: list[Sound] = []
        while sum(map(len, parts)) < length:
            parts.append(pcm16_to_float(speech[int(rng.integers(len(speech)))]))
        voice = np.roll(np.concatenate(parts)[:length], int(rng.integers(length)))
        sound += voice * np.float32(rng.uniform(0.5, 1) / max(float(voice.std()), 1e-6))
    return sound


def music(rng: np.random.Generator, length: int, sample_rate: int) -> Sound:
    """Notes with harmonics, in one to three voices, (length,)."""
    sound = np.zeros(length, np.float32)
    for _ in range(int(rng.integers(1, 3, endpoint=True))):
        at = 0
        while at < length:
            samples = min(length - at, int(rng.uniform(0.1, 0.8) * sample_rate))
            time = np.arange(samples) / sample_rate
            pitch = 110 * 2 ** (int(rng.integers(36)) / 12)  # Hz: three octaves from A2 on
            orders = np.arange(1, 6)
            strengths = rng.uniform(0.1, 1, 5) / orders
            waves = np.sin(2 * np.pi * pitch * np.outer(orders, time))
            note = strengths @ waves * np.exp(-rng.uniform(0, 6) * time)
            sound[at : at + len(note)] += note.astype(np.float32)
            at += len(note) + 1
    return sound


def clatter(rng: np.random.Generator, length: int, sample_rate: int) -> Sound:
    """Dishes, tools, doors: things that strike each other and ring, over a murmur, (length,)."""
    sound = colored_noise(rng, length) * np.float32(rng.uniform(0.005, 0.1))
    count = rng.poisson(rng.uniform(*STRIKES) * length / sample_rate)
    for begin in rng.integers(length, size=max(1, count)).tolist():
        seconds = float(_spread(rng, RINGING, 1)[0])
        time = np.arange(min(length - begin, int(seconds * sample_rate))) / sample_rate
        pitches = _spread(rng, MODES, int(rng.integers(2, 8)))
        waves = _waves(rng, pitches, time)
        ring = rng.uniform(0.1, 1, len(pitches)) @ waves
        ring += rng.uniform(0, 2) * rng.standard_normal(len(time)) * np.exp(-time * 300)
        # 60 dB of decay are a factor of e^(-6.9).
        ring *= np.exp(-6.9 * time / seconds) * np.exp(rng.normal(0, 0.7))
        sound[begin : begin + len(ring)] += ring.astype(np.float32)
    return sound


def machine(rng: np.random.Generator, length: int, sample_rate: int) -> Sound:
    """Fans, motors, water that runs: a hum and a hiss that swell, (length,)."""
    time = np.arange(length) / sample_rate
    orders = np.arange(1, 25)
    pitch = rng.uniform(*TURNS)
    orders = orders[orders * pitch < sample_rate / 2]
    strengths = rng.exponential(1, len(orders)) / orders ** rng.uniform(0.3, 1.5)
    hum = strengths @ _waves(rng, orders * pitch, time)
    hiss = colored_noise(rng, length) * np.float32(rng.uniform(0.1, 3) * max(float(hum.std()), 0.1))
    swell = 1 + rng.uniform(0, 0.9) * np.sin(
        2 * np.pi * (rng.uniform(*SWELLS) * time + rng.random())
    )
    sound: Sound = ((hum + hiss) * swell).astype(np.float32)
    return sound


def _waves(
    rng: np.random.Generator, hz: NDArray[np.float64], time: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A sine of each frequency, by any phase, (frequencies, samples)."""
    waves: NDArray[np.float64] = np.sin(2 * np.pi * (np.outer(hz, time) + rng.random((len(hz), 1))))
    return waves


def _spread(
    rng: np.random.Generator, limits: tuple[float, float], count: int
) -> NDArray[np.float64]:
    """So many figures, alike over the logarithm."""
    low, high = limits
    return low * (high / low) ** rng.random(count)
