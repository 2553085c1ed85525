"""Strings of utterances: recordings one after another, with silence between them.

Recordings of single words teach a model no sequence. Strung together, at another speed, in a room
in noise, they are what a person says who reads out a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.recipeparts import AugmentRecipe
from edgenets.sound.audio import pcm16_to_float
from edgenets.sound.features import TrainedInput, extractor, frame_count
from edgenets.tasks.keywords import augment
from edgenets.tasks.keywords.augment import Sound
from edgenets.tasks.keywords.batches import Batch
from edgenets.tasks.keywords.surroundings import another_voice, mask_stretches, surround
from edgenets.tasks.speech.utterances import Spoken

# Widest SpecAugment stretch over bands: there are fewer at 8 kHz than at 16.
MASK_BANDS = 6

# Share of strings in which nothing is said, where noise is more than a hiss; and its dB RMS.
EMPTY, EMPTY_LEVELS = 0.06, (-60.0, -20.0)

NOISE_COUNT = 48
NOISE_SECONDS = 8.0

# What a string to be measured by is spoken with: as other people would, in a quiet place.
TEST_SPEED = 0.1
TEST_SNR = (15.0, 40.0)  # dB
TEST_GAP = (0.05, 0.5)  # s


@dataclass(frozen=True)
class String:
    """Sound, and what is said in it."""

    sound: NDArray[np.float32]  # (samples,)
    symbols: tuple[int, ...]


class StringMaker:
    """Draws training batches from utterances."""

    def __init__(
        self, spoken: Spoken, features: TrainedInput, recipe: AugmentRecipe, frames_per_step: int,
        seconds: float, gap: tuple[float, float], seed: int, noises: Sequence[Sound] = (),
    ) -> None:  # fmt: skip
        """Make strings.

        Args:
            noises: behind them, each longer than a string; none: colored noise, and no string is
                without symbols.
        """
        self._spoken, self._features, self._recipe = spoken, features, recipe
        self._gap, self._seed = gap, seed
        self._rate = features.sample_rate
        self._length = int(seconds * self._rate)
        self.steps = frame_count(self._length, features) // frames_per_step
        self._frames = self.steps * frames_per_step
        self._log_mel = extractor(features)
        rng = np.random.default_rng((seed, 0))
        noise = int(NOISE_SECONDS * self._rate) + self._length
        self._noises = noises or [augment.colored_noise(rng, noise) for _ in range(NOISE_COUNT)]
        self._empty = EMPTY if noises else 0.0
        # A network says at most one symbol a step, and a blank between two that are alike.
        self._most = self.steps // 2

    def batch(self, size: int, epoch: int, number: int) -> Batch:
        """Strings; the same arguments give the same batch. Targets end in blanks."""
        rng = np.random.default_rng((self._seed, 2, epoch, number))
        features = np.empty((size, self._frames, self._features.bands), np.float32)
        targets = np.zeros((size, self._most), np.float32)
        for row in range(size):
            sound, symbols = self._string(rng)
            targets[row, : len(symbols)] = symbols
            self._log_mel.reset()
            frames = self._log_mel.push(sound)[: self._frames]
            features[row] = another_voice(rng, frames, self._recipe, self._features)
            mask_stretches(rng, features[row], self._recipe, self._features, MASK_BANDS)
        return Batch(features, targets)

    def _string(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[int]]:
        recipe = self._recipe
        sound = np.zeros(self._length, np.float32)
        symbols: list[int] = []
        place = int(rng.uniform(0, self._gap[1]) * self._rate)
        gain = rng.uniform(-recipe.gain, recipe.gain)
        if rng.random() < self._empty:
            noise = self._noises[int(rng.integers(len(self._noises)))][: self._length]
            level = augment.drawn_ratio(rng, EMPTY_LEVELS) / max(float(noise.std()), 1e-9)
            return np.clip(np.float32(level) * noise, -1.0, 1.0), symbols
        while True:
            index = int(rng.integers(len(self._spoken)))
            piece = pcm16_to_float(self._spoken.sounds[index])
            piece = augment.change_speed(piece, 1.0 + rng.uniform(-recipe.speed, recipe.speed))
            said = self._spoken.symbols[index]
            if place + len(piece) > self._length or len(symbols) + len(said) > self._most:
                break
            level = 10 ** ((gain + rng.uniform(-3, 3)) / 20)
            sound[place : place + len(piece)] += np.float32(level) * piece
            symbols += said
            place += len(piece) + int(rng.uniform(*self._gap) * self._rate)
            if rng.random() < 0.08:  # some strings are short, and silence follows
                break
        return surround(rng, sound, recipe, self._rate, self._noises), symbols


class StringBatches:
    """A `StringMaker`'s strings as `Batches` of one size."""

    def __init__(self, strings: StringMaker, count: int, size: int) -> None:
        self._strings, self._size = strings, size
        self._count = max(1, count // size)

    def __len__(self) -> int:
        return self._count

    def batch(self, epoch: int, number: int) -> Batch:
        """See `edgenets.tasks.keywords.batches.Batches`."""
        return self._strings.batch(self._size, epoch, number)


def strings_to_measure(
    spoken: Spoken, count: int, words: tuple[int, int], seed: int
) -> list[String]:
    """Strings to measure by, always the same ones of the same utterances.

    Args:
        words: the least and the most utterances in a string.
    """
    rng = np.random.default_rng((seed, 7))
    rate = spoken.sample_rate
    found = []
    for _ in range(count):
        parts: list[NDArray[np.float32]] = [_pause(rng, rate)]
        symbols: list[int] = []
        speed = 1.0 + rng.uniform(-TEST_SPEED, TEST_SPEED)
        for _ in range(int(rng.integers(words[0], words[1] + 1))):
            index = int(rng.integers(len(spoken)))
            parts += [
                augment.change_speed(pcm16_to_float(spoken.sounds[index]), speed),
                _pause(rng, rate),
            ]
            symbols += spoken.symbols[index]
        sound = np.concatenate([*parts, np.zeros(rate // 2, np.float32)])
        noise = augment.colored_noise(rng, len(sound))
        sound = np.clip(augment.add_noise(sound, noise, rng.uniform(*TEST_SNR)), -1.0, 1.0)
        found.append(String(sound, tuple(symbols)))
    return found


def features_of(
    strings: Sequence[String], features: TrainedInput, frames_per_step: int
) -> NDArray[np.float32]:
    """The features of strings, (strings, frames, bands); shorter ones end in silence."""
    longest = max(len(string.sound) for string in strings)
    frames = frame_count(longest, features) // frames_per_step * frames_per_step
    out = np.empty((len(strings), frames, features.bands), np.float32)
    log_mel = extractor(features)
    for row, string in zip(out, strings, strict=True):
        log_mel.reset()
        padded = np.zeros(longest, np.float32)
        padded[: len(string.sound)] = string.sound
        row[:] = log_mel.push(padded)[:frames]
    return out


def _pause(rng: np.random.Generator, rate: int) -> NDArray[np.float32]:
    return np.zeros(int(rng.uniform(*TEST_GAP) * rate), np.float32)
