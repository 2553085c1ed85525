"""A few recordings of a word, in many ways: what `enrol` learns from.

Every one is taken many times: faster and slower, softer, in noise and in a room, with and without
speech before and behind it. No voice engine is on a board: what sounds like speech there are the
recordings themselves, backwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.sound import audio
from edgenets.tasks.keywords import augment
from edgenets.tasks.keywords.augment import Sound
from edgenets.tasks.keywords.background import background
from edgenets.tasks.keywords.clips import recordings_below
from edgenets.tasks.keywords.material import word_of
from edgenets.tasks.keywords.noises import clatter, machine, music

# Recordings that are needed, and beyond which no more are used.
FEWEST, MOST = 3, 200

# s of what is said in a recording.
LENGTHS = (0.15, 3.0)

# Quieter than this, dB of full scale, or at full scale for such a share of samples: no recording.
FAINTEST, CLIPPED = -50.0, 0.02

# Ways that every recording is taken in; fewer recordings, in more.
WAYS, ALL_WAYS = 12, 240

SPEED = 0.15
LEVELS = (-41.0, -6.0)  # dB of the loudest sample
SNR = (-3.0, 25.0)  # dB
HISS = (-85.0, -55.0)  # dB RMS

# Shares of takes in noise, in a room, with speech before the word, and behind it.
NOISY, ROOM, AFTER_SPEECH, BEFORE_SPEECH = 0.85, 0.25, 0.4, 0.3

# s before a word, and behind it.
BEFORE, BEHIND = (0.6, 1.2), 0.6

# Noises of each kind that are made, and their length, s; of people who talk, twice as many.
NOISES, NOISE_SECONDS = 12, 4.0
TALKERS = (1, 6)


@dataclass(frozen=True)
class Take:
    """A recording in one of its ways."""

    sound: Sound  # (samples,)
    end: int  # the sample at which the word is over
    clip: int  # the number of the recording


def clips_of(paths: Sequence[Path], rate: int) -> list[Sound]:
    """What is said in recordings, each (samples,) float32 at `rate` Hz.

    Raises:
        DataError: there are too few; or nothing is heard in one, or it is clipped, too long or too
            short.
    """
    found = [path for root in paths for path in recordings_below(root)]
    if len(found) < FEWEST:
        raise DataError(f"{len(found)} recordings; {FEWEST} at least are needed, and 20 are better")
    return [_checked(path, rate) for path in found[:MOST]]


def fault_of(sound: Sound, rate: int) -> str:
    """Why a word cannot be learned from a recording; "" where it can."""
    if float(np.abs(sound).max(initial=0.0)) < 10 ** (FAINTEST / 20):
        return "nothing is heard in it"
    if float(np.mean(np.abs(sound) >= 0.999)) > CLIPPED:
        return "it is clipped: it was too loud for the microphone"
    seconds = len(_said(sound, rate)) / rate
    if not LENGTHS[0] <= seconds <= LENGTHS[1]:
        return (
            f"{seconds:.2f} s are said in it, where a word takes {LENGTHS[0]:g} to {LENGTHS[1]:g}"
        )
    return ""


def _checked(path: Path, rate: int) -> Sound:
    sound = audio.read(path, rate)
    if fault := fault_of(sound, rate):
        raise DataError(f"{path}: {fault}; record it again, or leave it out")
    return _said(sound, rate)


def _said(sound: Sound, rate: int) -> Sound:
    return audio.pcm16_to_float(word_of(audio.float_to_pcm16(sound), rate))


class Takes:
    """Makes them, each time others; the same seed makes the same."""

    def __init__(self, clips: Sequence[Sound], rate: int, seed: int) -> None:
        self._clips, self._rate = clips, rate
        self._ways = max(WAYS, ALL_WAYS // len(clips))
        self._rng = np.random.default_rng((seed, 21))
        length = int(NOISE_SECONDS * rate)
        rng = self._rng
        bank = [augment.colored_noise(rng, length) for _ in range(NOISES)]
        bank += [background(rng, length, rate) for _ in range(NOISES)]
        bank += [
            make(rng, length, rate) for make in (music, clatter, machine) for _ in range(NOISES)
        ]
        bank += [self._babble(length) for _ in range(2 * NOISES)]
        self._noises = [
            (noise / noise.std()).astype(np.float32) for noise in bank if noise.std() > 0
        ]

    @property
    def count(self) -> int:
        """Of `every`."""
        return len(self._clips) * self._ways

    def every(self) -> Iterator[Take]:
        """All recordings in all their ways."""
        for number in range(len(self._clips)):
            for _ in range(self._ways):
                yield self._take(number)

    def _take(self, number: int) -> Take:
        rng, rate = self._rng, self._rate
        word = augment.change_speed(self._clips[number], 1 + rng.uniform(-SPEED, SPEED))
        word = word / np.float32(max(float(np.abs(word).max()), 1e-6))
        before = int(rng.uniform(*BEFORE) * rate)
        behind = int(BEHIND * rate)
        parts = [
            self._backwards(before) if rng.random() < AFTER_SPEECH else np.zeros(before),
            word,
            self._backwards(behind) if rng.random() < BEFORE_SPEECH else np.zeros(behind),
        ]
        sound = np.concatenate(parts).astype(np.float32) * augment.drawn_ratio(rng, LEVELS)
        return Take(self._placed(sound), before + len(word), number)

    def _backwards(self, length: int) -> Sound:
        """Something like speech, (length,), its loudest sample about 1."""
        rng, parts, left = self._rng, [], length
        while left > 0:
            clip = self._clips[int(rng.integers(len(self._clips)))][::-1]
            clip = augment.change_speed(clip, 1 + rng.uniform(-2 * SPEED, 2 * SPEED))
            parts.append(clip / np.float32(max(float(np.abs(clip).max()), 1e-6)))
            left -= len(clip)
        found: Sound = np.concatenate(parts)[:length].astype(np.float32)
        return found

    def _babble(self, length: int) -> Sound:
        """Several of these at once."""
        count = int(self._rng.integers(*TALKERS, endpoint=True))
        parts = [self._backwards(length) * self._rng.uniform(0.5, 1.0) for _ in range(count)]
        found: Sound = np.sum(parts, axis=0).astype(np.float32)
        return found

    def _placed(self, sound: Sound) -> Sound:
        rng, loud = self._rng, sound[np.abs(sound) > 1e-4]
        if rng.random() < ROOM:
            sound = augment.reverberate(rng, sound, self._rate)
        if rng.random() < NOISY and len(loud):
            noise = self._noises[int(rng.integers(len(self._noises)))]
            noise = np.resize(np.roll(noise, int(rng.integers(len(noise)))), len(sound))
            level = float(np.sqrt(np.mean(np.square(loud))))
            sound = sound + np.float32(level) * noise / augment.drawn_ratio(rng, SNR)
        hiss = rng.standard_normal(len(sound), np.float32) * augment.drawn_ratio(rng, HISS)
        placed: NDArray[np.float32] = np.clip(sound + hiss, -1.0, 1.0)
        return placed
