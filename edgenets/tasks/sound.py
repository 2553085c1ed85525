"""What models of keywords and of speech have in common: they listen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgenets.errors import ModelError
from edgenets.sound.features import SoundInput, TrainedInput
from edgenets.stepspec import StreamSpec

# A bound far above all use: beyond it a file is broken or hostile.
LONGEST_REFRACTORY = 3600.0  # s


@dataclass(frozen=True)
class SoundSpec(StreamSpec):
    """A model that listens."""

    input: SoundInput
    decoding: Any

    @property
    def step_seconds(self) -> float:
        """Time that one step covers."""
        return self.step.frames * self.input.frame_seconds


def sound_of(spec: SoundSpec) -> str:
    """What a model takes of sound, in words."""
    taken = spec.input
    heard = "mel bands" if taken.width == taken.bands else "coefficients of mel bands"
    heard = "samples a frame" if taken.kind == "raw" else heard
    return (
        f"sound at {taken.sample_rate:,} Hz, {taken.width} {heard}; a step every "
        f"{1e3 * spec.step_seconds:.0f} ms"
    )


def trained_input_of(spec: SoundSpec) -> TrainedInput:
    """The features of a model that was trained here.

    Raises:
        ModelError: it takes others.
    """
    if not isinstance(spec.input, TrainedInput):
        raise ModelError(f"{spec.name}: takes {spec.input.kind} features, which no training makes")
    return spec.input
