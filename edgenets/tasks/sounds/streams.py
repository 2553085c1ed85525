"""Training streams of sound events: recordings at any time, one over the other, in noise.

The network is asked at every step what is to be heard in it. Around the beginning and the end of a
sound it is not asked: nobody could say.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.sound.audio import pcm16_to_float
from edgenets.sound.features import TrainedInput, frame_count, frames_of_many
from edgenets.tasks.keywords import augment
from edgenets.tasks.keywords.augment import FRAME, Sound, frame_powers
from edgenets.tasks.keywords.batches import Batch
from edgenets.tasks.keywords.clips import ClipSet
from edgenets.tasks.keywords.surroundings import another_voice, mask_stretches
from edgenets.tasks.sounds.recipe import SoundsRecipe
from edgenets.tasks.sounds.recordings import Recordings

# A frame of a recording in which nothing sounds is so much quieter than the loudest, dB.
QUIETER = 35.0

# A sound that pauses for less goes on, s: a clock, a cock.
PAUSE = 1.0

# s after its end in which a sound is still asked for: a sneeze is known when it is over.
HELD = 0.4

# s for which a step is not asked, after a beginning, and once a sound is not asked for any more.
ONSET, ECHO = 0.12, 0.3

# A sound that is shorter than this counts as much as one of this length, s; and at most so much.
EQUAL, MOST_WEIGHT = 2.0, 4.0

# dB of the loudest sample below full scale; and by how much a second sound differs.
LEVELS, JITTER = (-40.0, 0.0), 8.0

# dB RMS of a microphone's own hiss, and of noise where nothing else sounds.
HISS, NOISE = (-90.0, -60.0), (-60.0, -25.0)

# Colored noises that are made for a training.
NOISES = 60

# Share of sounds that begin with the stream, as a recording on disk does.
AT_ONCE = 0.3

MASK_BANDS = 8


@dataclass(frozen=True)
class Sounding:
    """A recording, and where in it there is something to be heard."""

    sound: Sound  # (samples,)
    on: NDArray[np.bool_]  # (frames of FRAME seconds,)


class EventStreams:
    """See `Batches`."""

    def __init__(self, found: Recordings, features: TrainedInput, recipe: SoundsRecipe) -> None:
        self._features, self._recipe = features, recipe
        self._per_step, self.size = recipe.model.frames_per_step, recipe.schedule.batch
        self._rate = features.sample_rate
        self._length = int(recipe.mixing.seconds * self._rate)
        self.steps = frame_count(self._length, features) // self._per_step
        self._of_label = [
            [sounding(found.clips.sounds[i], self._rate) for i in numbers.tolist()]
            for numbers in (
                np.flatnonzero(found.clips.targets == n) for n in range(len(found.clips.labels))
            )
        ]
        rng = np.random.default_rng((recipe.seed, 0))
        self._noises = [augment.colored_noise(rng, self._length) for _ in range(NOISES)]
        nothing = [pcm16_to_float(pcm) for pcm in found.nothing.sounds if pcm.any()]
        self._noises += [np.resize(sound, self._length) for sound in nothing]
        self._hiss = rng.standard_normal(self._length, np.float32)

    def taking(self, features: TrainedInput) -> EventStreams:
        """The same streams by features that differ in their mean and deviation alone."""
        made = copy(self)
        made._features = features
        return made

    def __len__(self) -> int:
        return max(1, self._recipe.mixing.streams // self.size)

    def batch(self, epoch: int, number: int) -> Batch:
        """See `Batches`."""
        rng = np.random.default_rng((self._recipe.seed, 2, epoch, number))
        labels, augmented = len(self._of_label), self._recipe.augment
        targets = np.zeros((self.size, self.steps, labels), np.float32)
        weights = np.ones((self.size, self.steps), np.float32)
        sounds = np.empty((self.size, self._length), np.float32)
        for row in range(self.size):
            sounds[row], targets[row], weights[row] = self.stream(rng)
        inputs = frames_of_many(sounds, self._features)[:, : self.steps * self._per_step]
        for row in range(self.size):
            inputs[row] = another_voice(rng, inputs[row], augmented, self._features)
            mask_stretches(rng, inputs[row], augmented, self._features, MASK_BANDS)
        return Batch(inputs, targets, weights)

    def stream(
        self, rng: np.random.Generator
    ) -> tuple[Sound, NDArray[np.float32], NDArray[np.float32]]:
        """One stream: (samples,), what is asked for, (steps, labels), and what each step counts."""
        mixing, sound = self._recipe.mixing, np.zeros(self._length, np.float32)
        on = np.zeros((len(self._of_label), int(mixing.seconds / FRAME) + 1), bool)
        level = rng.uniform(*LEVELS)
        count = 0 if rng.random() < mixing.quiet else 1 + (rng.random() < mixing.overlap)
        for number in range(count):
            label = int(rng.integers(len(self._of_label)))
            its = level + (rng.uniform(-JITTER, JITTER) if number else 0.0)
            self._lay(rng, sound, on[label], self._drawn(rng, label), min(its, 0.0))
        targets, weights = self._asked(on)
        return self._placed(rng, sound), targets, weights

    def _drawn(self, rng: np.random.Generator, label: int) -> Sounding:
        """A recording of a label, played a little faster or slower."""
        recordings, speed = self._of_label[label], self._recipe.augment.speed
        drawn = recordings[int(rng.integers(len(recordings)))]
        played = augment.change_speed(drawn.sound, 1 + rng.uniform(-speed, speed))
        frames = np.linspace(0, len(drawn.on) - 1, max(1, int(len(played) / self._rate / FRAME)))
        return Sounding(played, drawn.on[frames.astype(int)])

    def _lay(
        self,
        rng: np.random.Generator,
        sound: Sound,
        on: NDArray[np.bool_],
        drawn: Sounding,
        level: float,
    ) -> None:
        """Lay a recording into a stream, in place: all of it, or a part of one that is longer."""
        frame = int(FRAME * self._rate)
        room = (len(sound) - len(drawn.sound)) // frame
        begin = int(rng.integers(min(0, room), max(0, room), endpoint=True))
        if room > 0 and rng.random() < AT_ONCE:
            begin = 0
        first = max(0, -begin)  # frame of the recording
        heard, own = drawn.sound[first * frame :], drawn.on[first:]
        begin = max(0, begin)
        heard, own = heard[: len(sound) - begin * frame], own[: len(on) - begin]
        factor = 10 ** (level / 20) / max(float(np.abs(drawn.sound).max(initial=0.0)), 1e-6)
        sound[begin * frame : begin * frame + len(heard)] += np.float32(factor) * heard
        on[begin : begin + len(own)] |= own

    def _asked(self, on: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What each step is asked for, (steps, labels), and counts, (steps,), by frames."""
        onset, echo, held = (int(seconds / FRAME) for seconds in (ONSET, ECHO, HELD))
        weights = np.ones(on.shape[1], np.float32)
        unasked = np.zeros(on.shape[1] + 1, bool)
        asked = np.zeros_like(on)
        for row, of in zip(on, asked, strict=True):
            edges = np.diff(row.astype(np.int8), prepend=0, append=0)
            begins, ends = np.flatnonzero(edges > 0).tolist(), np.flatnonzero(edges < 0).tolist()
            for begin, end in zip(begins, ends, strict=True):
                of[begin : end + held] = True
                counts = min(MOST_WEIGHT, max(1.0, EQUAL / FRAME / (end + held - begin)))
                stretch = weights[begin : end + held]
                np.maximum(stretch, counts, out=stretch)
                unasked[begin : begin + onset] = True
                unasked[end + held : end + held + echo] = True
        step = self._per_step * self._features.hop / self._rate  # s
        ends_at = (
            step * np.arange(1, self.steps + 1) + self._features.window / self._rate - step / 2
        )
        frames = np.minimum((ends_at / FRAME).astype(int), on.shape[1] - 1)
        counted = np.where(unasked[frames], 0.0, weights[frames]).astype(np.float32)
        return asked[:, frames].T.astype(np.float32), counted

    def _placed(self, rng: np.random.Generator, sound: Sound) -> Sound:
        """What a microphone takes up of it: a room, noise, its own hiss."""
        recipe = self._recipe.augment
        if rng.random() < recipe.room:
            sound = augment.reverberate(rng, sound, self._rate)
        if rng.random() < recipe.noise:
            noise = self._noises[int(rng.integers(len(self._noises)))]
            level, heard = augment.drawn_ratio(rng, NOISE), sound[sound != 0]
            if len(heard):
                snr = rng.uniform(*recipe.noise_snr)
                level = float(np.sqrt(np.mean(np.square(heard)))) * 10 ** (-snr / 20)
            noise = np.roll(noise, int(rng.integers(len(noise))))
            sound = sound + np.float32(level / max(float(noise.std()), 1e-9)) * noise
        hiss = np.roll(self._hiss, int(rng.integers(self._length)))
        sound = sound + np.float32(augment.drawn_ratio(rng, HISS)) * hiss
        return np.clip(sound, -1.0, 1.0)


def sounding(pcm: NDArray[np.int16], rate: int) -> Sounding:
    """A recording without the silence before and behind it, and where something sounds in it."""
    levels = 10 * np.log10(frame_powers(pcm, rate) + 1e-3)
    # A recording that is all below a unit of 16 bits is silent.
    on = levels >= max(0.0, levels.max(initial=0.0) - QUIETER) if len(levels) else np.ones(1, bool)
    loud = np.flatnonzero(on)
    if not len(loud):
        return Sounding(pcm16_to_float(pcm), np.zeros(max(1, len(levels)), bool))
    first, last = int(loud[0]), int(loud[-1]) + 1
    frame = int(FRAME * rate)
    return Sounding(pcm16_to_float(pcm[first * frame : last * frame]), closed(on[first:last]))


def closed(on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The same, with short pauses filled."""
    filled, loud = on.copy(), np.flatnonzero(on)
    for before, after in zip(loud[:-1].tolist(), loud[1:].tolist(), strict=True):
        if (after - before) * FRAME <= PAUSE:
            filled[before:after] = True
    return filled


def clip_frames(clips: ClipSet, features: TrainedInput, per_step: int) -> NDArray[np.float32]:
    """The features of whole clips, padded to the longest: (clips, frames, bands) float32."""
    longest = max(len(sound) for sound in clips.sounds) + features.window
    sounds = np.zeros((len(clips), longest), np.float32)
    for row, pcm in zip(sounds, clips.sounds, strict=True):
        row[: len(pcm)] = pcm16_to_float(pcm)
    frames = frames_of_many(sounds, features)
    return frames[:, : frames.shape[1] - frames.shape[1] % per_step]
