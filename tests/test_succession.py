"""Streams of words that follow each other, by which an embedding of speech is learned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.recipeparts import AugmentRecipe
from edgenets.sound.audio import float_to_pcm16
from edgenets.sound.input import AudioInput
from edgenets.tasks.embed import vocabulary
from edgenets.tasks.keywords.mixture import Material
from edgenets.tasks.keywords.recipe import ListeningRecipe
from edgenets.tasks.keywords.running import unstressed
from edgenets.tasks.keywords.succession import ANSWER, SuccessionBatches
from edgenets.tasks.keywords.voice import Voice

RATE, WORDS, SECONDS = 16_000, 6, 3.0
PITCHES = 300 * 1.6 ** np.arange(WORDS)  # Hz
SILENCE = WORDS


def tone(pitch: float, seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return float_to_pcm16((0.5 * np.sin(2 * np.pi * pitch * time)).astype(np.float32))


# Samples over which a tone is looked for.
PART = 1600


@pytest.fixture(scope="module")
def batches() -> SuccessionBatches:
    """Words that are tones, without noise."""
    words = tuple(
        (n, tuple(tone(pitch, seconds) for seconds in (0.2, 0.35)))
        for n, pitch in enumerate(PITCHES)
    )
    labels = (*map(str, range(WORDS)), "_silence_")
    material = Material(labels, words, ((),), (np.ones(RATE, np.float32),), SILENCE, SILENCE)
    surroundings = AugmentRecipe(
        speed=0.0, noise=0.0, room=0.0, band_shift=0, equalizer=0.0, time_masks=0, band_masks=0
    )
    listening = ListeningRecipe(streams=32, seconds=SECONDS)
    return SuccessionBatches(material, AudioInput(), listening, surroundings, (4, 2), 1)


def strength(sound: np.ndarray, pitch: float) -> float:
    """Of a tone, where it is loudest: two of one pitch may cancel over all of the sound."""
    time = np.arange(len(sound)) / RATE
    turned = np.exp(-2j * np.pi * pitch * time) * sound
    parts = [turned[at : at + PART] for at in range(0, len(sound), PART // 2)]
    return max(float(np.abs(part.sum())) / PART for part in parts)


@given(seed=st.integers(0, 10_000))
def test_what_is_asked_for_has_just_been_said(batches: SuccessionBatches, seed: int) -> None:
    sound, asked, weights = batches.stream(np.random.default_rng(seed))
    assert len(asked) == len(weights)
    step = 2 * AudioInput().hop
    for number in np.flatnonzero(weights == 1.0).tolist():
        assert asked[number] != SILENCE
        end = (number + 1) * step + AudioInput().window
        recent = sound[max(0, end - int((ANSWER + 0.1) * RATE)) : end]
        heard = [strength(recent, pitch) for pitch in PITCHES]
        assert heard[asked[number]] > 0.01 * np.abs(recent).max(), (number, heard)


@given(seed=st.integers(0, 10_000))
def test_silence_is_asked_for_where_nobody_speaks(batches: SuccessionBatches, seed: int) -> None:
    sound, asked, weights = batches.stream(np.random.default_rng(seed))
    step = 2 * AudioInput().hop
    for number in np.flatnonzero(weights == np.float32(0.3)).tolist():
        assert asked[number] == SILENCE
        last = sound[number * step : (number + 1) * step]
        assert np.abs(last).max() < 0.5 * np.abs(sound).max()


def test_words_of_a_vocabulary_sound_differently_and_can_be_said() -> None:
    texts = vocabulary._texts()
    assert len(texts) > 500
    spelled = [unstressed(one) for one in Voice.mnemonics(texts)]
    assert len(set(spelled)) == len(texts) and all(spelled)
