"""Golden data: a sound or a text to try a bundle with, and what each artefact answers to it.

The sound is made, not recorded: glides and bursts that move through all bands,
so that a bundle carries nobody's voice and every feature is exercised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.bundle import GOLDEN_FRAMES, GOLDEN_SOUND, GOLDEN_TOKENS
from edgenets.sound.audio import float_to_pcm16
from edgenets.sound.features import frames_of
from edgenets.spec import ModelSpec, SoundSpec
from edgenets.tasks.language.spec import TextInput

from .formats import Written

SECONDS = 1.2

# Tokens of a golden text: enough for a state to go wrong.
GOLDEN_STEPS = 64

# Steps of other golden numbers: their answers may be wide.
GOLDEN_FRAMES_STEPS = 16


def golden_sound(spec: SoundSpec) -> NDArray[np.int16]:
    """The same glides and bursts for every model of one sample rate, (samples,) int16."""
    rate = spec.input.sample_rate
    time = np.arange(int(SECONDS * rate)) / rate
    rng = np.random.default_rng(20)
    sound = np.zeros(len(time))
    for start, low, high in ((0.05, 200, 900), (0.35, 2500, 700), (0.7, 120, 3800)):
        inside = (time >= start) & (time < start + 0.25)
        local = time[inside] - start
        pitch = low + (high - low) * local / 0.25
        envelope = np.sin(np.pi * local / 0.25) ** 2
        for harmonic in (1, 2, 3):
            phase = 2 * np.pi * np.cumsum(np.minimum(harmonic * pitch, 0.45 * rate)) / rate
            sound[inside] += 0.2 / harmonic * envelope * np.sin(phase)
    burst = (time > 0.62) & (time < 0.66)
    sound[burst] += 0.2 * rng.standard_normal(int(burst.sum()))
    sound += 0.001 * rng.standard_normal(len(time))
    return float_to_pcm16(sound)


class GoldenSound:
    """The part of a `Family` that is about golden data, of models that hear."""

    def golden(self, spec: ModelSpec) -> dict[str, bytes]:
        """See `Family.golden`."""
        return {GOLDEN_SOUND: golden_sound(sound_spec(spec)).astype("<i2").tobytes()}

    def golden_output(self, spec: ModelSpec, written: Written) -> NDArray[np.float32]:
        """See `Family.golden_output`."""
        return golden_output(sound_spec(spec), written)


class GoldenTokens:
    """The same, of models that read."""

    def golden(self, spec: ModelSpec) -> dict[str, bytes]:
        """See `Family.golden`."""
        return {GOLDEN_TOKENS: golden_tokens(_text_input(spec)).astype("<i4").tobytes()}

    def golden_output(self, spec: ModelSpec, written: Written) -> NDArray[np.float32]:
        """See `Family.golden_output`."""
        return _answers(golden_tokens(_text_input(spec))[:, None], written)


class GoldenFrames:
    """The same, of models that take numbers as they are."""

    def golden(self, spec: ModelSpec) -> dict[str, bytes]:
        """See `Family.golden`."""
        return {GOLDEN_FRAMES: golden_frames(spec.input.width).astype("<f4").tobytes()}

    def golden_output(self, spec: ModelSpec, written: Written) -> NDArray[np.float32]:
        """See `Family.golden_output`."""
        return _answers(golden_frames(spec.input.width), written)


def golden_frames(width: int) -> NDArray[np.float32]:
    """Noise about as large as scaled readings are, (frames, width) float32."""
    return (
        np.random.default_rng(22).standard_normal((GOLDEN_FRAMES_STEPS, width)).astype(np.float32)
    )


def golden_tokens(input: TextInput) -> NDArray[np.int32]:
    """Tokens drawn at random, always the same for one size of vocabulary, (tokens,) int32."""
    rng = np.random.default_rng(21)
    return rng.integers(0, len(input.vocabulary), GOLDEN_STEPS).astype(np.int32)


def sound_spec(spec: ModelSpec) -> SoundSpec:
    """A spec that `family_of` has found to be of a model that hears."""
    assert isinstance(spec, SoundSpec), "family_of gives no other"
    return spec


def golden_output(spec: SoundSpec, written: Written) -> NDArray[np.float32]:
    """What an artefact answers to the golden sound, (steps, labels) float32."""
    return _answers(frames_of(golden_sound(spec), spec.input), written)


def _answers(frames: NDArray[Any], written: Written) -> NDArray[np.float32]:
    """(steps, scores) of (frames, numbers a frame)."""
    session = backend.load(backend.backend_of(written.artefact), written.artefact, written.files)
    return backend.answers(session, frames)


def _text_input(spec: ModelSpec) -> TextInput:
    assert isinstance(spec.input, TextInput), "family_of gives no other"
    return spec.input
