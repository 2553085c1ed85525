"""Training streams of a place where people live: words among running speech, noise and nothing.

A stream is some seconds long. In half of them a word is said, alone or in the middle of other
speech; the others have none. The network is asked at every step: for the word for a while from its
end on, for `_unknown_` where something else is said, for `_silence_` where nothing is. While the
word is being said it is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgenets.recipeparts import AugmentRecipe
from edgenets.sound.audio import pcm16_to_float
from edgenets.sound.features import TrainedInput, frame_count, frames_of_many
from edgenets.tasks.keywords import augment
from edgenets.tasks.keywords.augment import Sound
from edgenets.tasks.keywords.batches import Batch
from edgenets.tasks.keywords.recipe import ListeningRecipe
from edgenets.tasks.keywords.running import Pcm
from edgenets.tasks.keywords.surroundings import another_voice, mask_stretches

# s after a word's end in which it is asked for, and in which what follows is not asked for yet.
ANSWER = 0.48
HELD = 0.25

# A word is known from this part of it on: it is not asked what else that may be.
KNOWN_FROM = 0.25

# What a step counts for that asks for a word: they are few.
WORD_WEIGHT = 3.0

# s after its end for which speech still counts as such.
ECHO = 0.25

# Shares of streams without a word: in which nothing at all is said, and that begin amid a sentence.
SILENT, AMID = 0.12, 0.5

# Shares of streams with one: what is said before it, and after it.
BEFORE, BEHIND = 0.6, 0.4

# Mean pause between two things said, s.
PAUSE = 0.25

# dB of the loudest sample below full scale; and by how much two things said in a stream differ.
LEVELS = (-40.0, 5.0)  # above 0, it saturates
JITTER = 3.0

# dB RMS of a microphone's own hiss, and of noise in which nobody speaks; some devices mute what
# is no speech.
HISS = (-90.0, -55.0)
MUTED = 0.15
NOISE = (-60.0, -20.0)

# Noises that are heard at once, and by how many dB the others are below the first.
MIXED = 3
SOFTER = (-15.0, 0.0)

MASK_BANDS = 6


@dataclass(frozen=True)
class Material:
    """What streams are made of."""

    labels: tuple[str, ...]
    words: tuple[tuple[int, tuple[Pcm, ...]], ...]  # of each word: its label and recordings of it
    speech: tuple[tuple[Pcm, ...], ...]  # kinds of what is no word; each is drawn as often
    noises: tuple[Sound, ...]  # see `edgenets.tasks.keywords.noises`
    unknown: int  # the label of what is no word
    silence: int  # the label of where nothing is said


@dataclass
class Scene:
    """A stream that is being made."""

    sound: Sound  # (samples,)
    level: float  # dB of what is said in it
    said: list[tuple[int, int]] = field(default_factory=list)  # first sample and end

    def put(self, rng: np.random.Generator, at: int, sound: Sound) -> int:
        """Say something from a sample on; gives its end."""
        level = self.level + rng.uniform(-JITTER, JITTER)
        end = min(len(self.sound), at + len(sound))
        factor = 10 ** (level / 20) / max(float(np.abs(sound).max(initial=0.0)), 1e-6)
        self.sound[at:end] += np.float32(factor) * sound[: end - at]
        self.said.append((at, end))
        return end


class MixtureBatches:
    """See `Batches`."""

    def __init__(
        self,
        material: Material,
        features: TrainedInput,
        recipe: ListeningRecipe,
        surroundings: AugmentRecipe,
        shape: tuple[int, int],
        seed: int,
    ) -> None:
        """Make streams.

        Args:
            shape: streams a batch, and frames a step.
        """
        self._material, self._features, self._recipe = material, features, recipe
        self._surroundings = surroundings
        self.size, self._per_step = shape  # streams a batch
        self._seed = seed
        self._length = int(recipe.seconds * features.sample_rate)
        self._steps = frame_count(self._length, features) // self._per_step
        self._hiss = np.random.default_rng((seed, 0)).standard_normal(self._length, np.float32)
        # The sample at which the last frame of each step ends.
        step = self._per_step * features.hop
        self._ends = np.arange(1, self._steps + 1) * step - features.hop + features.window

    def __len__(self) -> int:
        return max(1, self._recipe.streams // self.size)

    def batch(self, epoch: int, number: int) -> Batch:
        """See `Batches`."""
        rng = np.random.default_rng((self._seed, 2, epoch, number))
        size, steps, labels = self.size, self._steps, len(self._material.labels)
        inputs = np.empty((size, steps * self._per_step, self._features.bands), np.float32)
        targets = np.zeros((size, steps, labels), np.float32)
        weights = np.empty((size, steps), np.float32)
        sounds = np.empty((size, self._length), np.float32)
        for row in range(size):
            sounds[row], asked, weights[row] = self.stream(rng)
            targets[row, np.arange(steps), asked] = 1.0
        every = frames_of_many(sounds, self._features)[:, : inputs.shape[1]]
        for row, frames in enumerate(every):
            inputs[row] = another_voice(rng, frames, self._surroundings, self._features)
            mask_stretches(rng, inputs[row], self._surroundings, self._features, MASK_BANDS)
        return Batch(inputs, targets, weights)

    def stream(
        self, rng: np.random.Generator
    ) -> tuple[Sound, NDArray[np.int64], NDArray[np.float32]]:
        """One stream: (samples,), the label asked for at every step, and what that counts for."""
        scene = Scene(np.zeros(self._length, np.float32), rng.uniform(*LEVELS))
        if rng.random() < self._recipe.negatives:
            word = None
            self._speak(rng, scene)
        else:
            word = self._say_word(rng, scene)
        asked, weights = self._asked(scene, word)
        return self._placed(rng, scene), asked, weights

    def _speak(self, rng: np.random.Generator, scene: Scene) -> None:
        """Say this and that from the beginning to the end, if anything."""
        if rng.random() < SILENT:
            return
        rate = self._features.sample_rate
        at = 0
        if rng.random() < AMID:
            first = self._other(rng)
            at = scene.put(rng, 0, first[int(rng.integers(1 + len(first) // 2)) :])
        self._speak_on(rng, scene, at + int(rng.exponential(PAUSE) * rate))

    def _speak_on(self, rng: np.random.Generator, scene: Scene, at: int) -> None:
        rate = self._features.sample_rate
        while at < self._length - rate // 4:
            at = scene.put(rng, at, self._other(rng)) + int(rng.exponential(PAUSE) * rate)

    def _say_word(self, rng: np.random.Generator, scene: Scene) -> tuple[int, int, int]:
        """Say a word somewhere; gives its label, its first sample and its end."""
        rate, words = self._features.sample_rate, self._material.words
        label, recordings = words[int(rng.integers(len(words)))]
        word = self._spoken(rng, recordings[int(rng.integers(len(recordings)))])[-self._length :]
        begin = int(rng.integers(self._length - len(word), endpoint=True))
        if rng.random() < BEFORE:
            at = begin - int(rng.exponential(PAUSE) * rate)
            while at > rate // 5:
                other = self._other(rng)[-at:]
                scene.put(rng, at - len(other), other)
                at -= len(other) + int(rng.exponential(PAUSE) * rate)
        end = scene.put(rng, begin, word)
        if rng.random() < BEHIND:
            self._speak_on(rng, scene, end + int((0.1 + rng.exponential(PAUSE)) * rate))
        return label, begin, end

    def _other(self, rng: np.random.Generator) -> Sound:
        """Something that is no word."""
        kinds = self._material.speech
        kind = kinds[int(rng.integers(len(kinds)))]
        return self._spoken(rng, kind[int(rng.integers(len(kind)))])

    def _spoken(self, rng: np.random.Generator, pcm: Pcm) -> Sound:
        speed = self._surroundings.speed
        return augment.change_speed(pcm16_to_float(pcm), 1 + rng.uniform(-speed, speed))

    def _asked(
        self, scene: Scene, word: tuple[int, int, int] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The label that each step is asked for, and what it counts for."""
        rate, ends = self._features.sample_rate, self._ends
        asked = np.full(self._steps, self._material.silence)
        weights = np.ones(self._steps, np.float32)
        for begin, end in scene.said:
            asked[(ends > begin) & (ends < end + ECHO * rate)] = self._material.unknown
        if word is not None:
            label, begin, end = word
            known = begin + KNOWN_FROM * (end - begin)
            weights[(ends > known) & (ends <= end + (ANSWER + HELD) * rate)] = 0.0
            answered = (ends >= end) & (ends <= end + ANSWER * rate)
            asked[answered], weights[answered] = label, WORD_WEIGHT
        return asked, weights

    def _placed(self, rng: np.random.Generator, scene: Scene) -> Sound:
        """What a microphone takes up of it: a room, noise, its own hiss."""
        sound, recipe = scene.sound, self._surroundings
        if rng.random() < recipe.room:
            sound = augment.reverberate(rng, sound, self._features.sample_rate)
        if rng.random() < recipe.noise:
            noise = self._noise(rng)
            speech = sound[sound != 0]
            level = (
                np.sqrt(np.mean(np.square(speech)))
                if len(speech)
                else augment.drawn_ratio(rng, NOISE)
            )
            snr = rng.uniform(*recipe.noise_snr)
            sound = sound + np.float32(level * 10 ** (-snr / 20) / noise.std()) * noise
        if rng.random() >= MUTED:
            hiss = np.roll(self._hiss, int(rng.integers(self._length)))
            sound = sound + np.float32(augment.drawn_ratio(rng, HISS)) * hiss
        return np.clip(sound, -1.0, 1.0)

    def _noise(self, rng: np.random.Generator) -> Sound:
        """One or several at once, of which one is the loudest: never the same twice."""
        every, mixed = self._material.noises, np.zeros(self._length, np.float32)
        for number in range(int(rng.integers(1, MIXED, endpoint=True))):
            noise = every[int(rng.integers(len(every)))]
            softer = augment.drawn_ratio(rng, SOFTER) if number else 1.0
            mixed += np.float32(softer) * np.roll(noise, int(rng.integers(self._length)))
        return mixed
