"""Draws what is said beside the user's words, and says it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgenets.tasks.keywords.augment import Sound
from edgenets.tasks.keywords.voice import PEAK, Speaker, speak
from edgenets.tasks.keywords.words import Half, Vocabulary, label_of

# What is said, by probability; other common words for the rest.
NEAR = 0.25
PHRASES = 0.15
HALVES = 0.2

# At most half of a word: more may be enough to know it by.
HALF = (0.35, 0.5)
FADE = 0.01  # s, at the cut, which would else click


@dataclass(frozen=True)
class Unknown:
    """Something said that is none of the user's words."""

    name: str  # of what is said; safe in file names
    sound: Sound  # (n,)


def draw_text(rng: np.random.Generator, known: Vocabulary) -> str:
    """A word or phrase that is none of the user's."""
    chance = rng.random()
    texts = known.others
    if chance < NEAR:
        texts = known.near
    elif chance < NEAR + PHRASES and known.phrases:
        texts = known.phrases
    return texts[int(rng.integers(len(texts)))]


def draw(rng: np.random.Generator, known: Vocabulary, voice: Speaker, sample_rate: int) -> Unknown:
    """A word or phrase that is none of the user's, or half of one that is, said by a voice."""
    if known.halves and rng.random() < HALVES:
        half = known.halves[int(rng.integers(len(known.halves)))]
        return _half(rng, half, voice, sample_rate)
    text = draw_text(rng, known)
    return Unknown(label_of(text), speak(text, voice, sample_rate))


def _half(rng: np.random.Generator, half: Half, voice: Speaker, sample_rate: int) -> Unknown:
    whole = speak(half.word, voice, sample_rate)
    length = max(2, int(len(whole) * rng.uniform(*HALF)))
    sound = whole[:length] if half.first else whole[-length:]
    fade = np.ones(length, dtype=np.float32)
    steps = min(length, round(FADE * sample_rate))
    fade[length - steps :] = np.linspace(1, 0, steps)
    sound = sound * (fade if half.first else fade[::-1])
    # As loud as a word: a half that nobody could hear would teach that silence is a word.
    loudest = np.abs(sound).max()
    if loudest > 0:
        sound *= np.float32(PEAK / loudest)
    return Unknown(f"{label_of(half.word)}-{'begin' if half.first else 'end'}", sound)
