"""Golden inputs: a sound, a text or numbers to try a bundle with, on any machine.

The sound is made, not recorded: glides and bursts that move through all bands,
so that a bundle carries nobody's voice and every feature is exercised.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.bundle import GOLDEN_FRAMES, GOLDEN_SOUND, GOLDEN_TOKENS, Bundle
from edgenets.sound.audio import float_to_pcm16
from edgenets.sound.features import frames_of
from edgenets.spec import ModelSpec
from edgenets.tasks.sound import SoundSpec
from edgenets.tasks.task import Replay

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
    """The golden part of a `Task`, of models that listen."""

    def golden(self, spec: SoundSpec) -> dict[str, bytes]:
        """See `Task.golden`."""
        return {GOLDEN_SOUND: golden_sound(spec).astype("<i2").tobytes()}

    def golden_output(self, spec: SoundSpec, session: backend.Session) -> NDArray[np.float32]:
        """See `Task.golden_output`: (steps, labels) float32."""
        return backend.answers(session, frames_of(golden_sound(spec), spec.input))

    def replay(self, bundle: Bundle) -> Replay:
        """See `Task.replay`."""
        frames = frames_of(bundle.golden_sound(), bundle.spec.input)
        return lambda session: backend.answers(session, frames)


class GoldenTokens:
    """The same, of models that read."""

    def golden(self, spec: ModelSpec) -> dict[str, bytes]:
        """See `Task.golden`."""
        return {GOLDEN_TOKENS: self._tokens(spec).astype("<i4").tobytes()}

    def golden_output(self, spec: ModelSpec, session: backend.Session) -> NDArray[np.float32]:
        """See `Task.golden_output`: (steps, scores) float32."""
        return backend.answers(session, self._tokens(spec)[:, None])

    def replay(self, bundle: Bundle) -> Replay:
        """See `Task.replay`."""
        tokens = bundle.golden_tokens(bundle.spec.input.count)[:, None]
        return lambda session: backend.answers(session, tokens)

    def _tokens(self, spec: ModelSpec) -> NDArray[np.int32]:
        return golden_tokens(len(spec.input.vocabulary))


class GoldenFrames:
    """The same, of models that take numbers as they are."""

    def golden(self, spec: ModelSpec) -> dict[str, bytes]:
        """See `Task.golden`."""
        return {GOLDEN_FRAMES: golden_frames(spec.input.width).astype("<f4").tobytes()}

    def golden_output(self, spec: ModelSpec, session: backend.Session) -> NDArray[np.float32]:
        """See `Task.golden_output`: (steps, scores) float32."""
        return backend.answers(session, golden_frames(spec.input.width))

    def replay(self, bundle: Bundle) -> Replay:
        """See `Task.replay`."""
        frames = bundle.golden_frames()
        return lambda session: backend.answers(session, frames)


def golden_frames(width: int) -> NDArray[np.float32]:
    """Noise about as large as scaled readings are, (frames, width) float32."""
    return (
        np.random.default_rng(22).standard_normal((GOLDEN_FRAMES_STEPS, width)).astype(np.float32)
    )


def golden_tokens(words: int) -> NDArray[np.int32]:
    """Tokens drawn at random, always the same for one size of vocabulary, (tokens,) int32.

    Args:
        words: in the vocabulary.
    """
    rng = np.random.default_rng(21)
    return rng.integers(0, words, GOLDEN_STEPS).astype(np.int32)
