"""Training streams in which one word follows another, and each is asked for at its end.

A network that tells hundreds of words apart as they run into each other knows what words are made
of: others are then learned from few recordings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.keywords.augment import Sound
from edgenets.tasks.keywords.mixture import LEVELS, MixtureBatches, Scene

# s: a word is asked for from a little before its end on, for so long; then nothing is for a while.
EARLY, ANSWER, HELD = 0.02, 0.4, 0.2

# A word is known from this part of it on: what was said before is not asked for any more.
KNOWN_FROM = 0.35

# What a step counts for in which nothing is said.
SILENCE_WEIGHT = 0.3

# Pauses, s: most words run into each other, and overlap by a little; others stand alone.
JOINED, SHORT_PAUSE, LONG_PAUSE = 0.7, 0.12, (0.3, 1.2)
OVERLAP = 0.04

# s before the first one, on average; and of the end, where none begins any more.
FIRST_PAUSE, LAST = 0.15, 0.2


class SuccessionBatches(MixtureBatches):
    """See `Batches`; the material has words, noises and a label of silence."""

    def stream(
        self, rng: np.random.Generator
    ) -> tuple[Sound, NDArray[np.int64], NDArray[np.float32]]:
        """One stream: (samples,), the label asked for at every step, and what that counts for."""
        rate, words = self._features.sample_rate, self._material.words
        scene = Scene(np.zeros(self._length, np.float32), rng.uniform(*LEVELS))
        labels = []
        at = int(rng.exponential(FIRST_PAUSE) * rate)
        while at < self._length - LAST * rate:
            label, recordings = words[int(rng.integers(len(words)))]
            word = self._spoken(rng, recordings[int(rng.integers(len(recordings)))])
            end = scene.put(rng, at, word)
            # One that the stream cuts off has no end to be asked for at.
            labels.append(label if end - at == len(word) else None)
            pause = rng.uniform(*LONG_PAUSE)
            if rng.random() < JOINED:
                pause = rng.exponential(SHORT_PAUSE)
            at = end + int((pause - OVERLAP) * rate)
        asked, weights = self._asked_of(scene, labels)
        return self._placed(rng, scene), asked, weights

    def _asked_of(
        self, scene: Scene, labels: list[int | None]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The label that each step is asked for, and what it counts for."""
        rate, ends = self._features.sample_rate, self._ends
        asked = np.full(self._steps, self._material.silence)
        weights = np.full(self._steps, SILENCE_WEIGHT, np.float32)
        for (begin, end), label in zip(scene.said, labels, strict=True):
            first, last = end - EARLY * rate, end + ANSWER * rate
            weights[(ends > begin) & (ends <= last + HELD * rate)] = 0.0
            if label is not None:
                answered = (ends >= first) & (ends <= last)
                asked[answered], weights[answered] = label, 1.0
        for begin, end in scene.said:
            known = begin + KNOWN_FROM * (end - begin)
            weights[(ends > known) & (ends < end - EARLY * rate)] = 0.0
        return asked, weights
