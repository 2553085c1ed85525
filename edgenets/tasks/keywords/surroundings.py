"""What a recipe does to all training sound: another place, another voice, stretches unheard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgenets.recipeparts import AugmentRecipe
from edgenets.sound.features import TrainedInput
from edgenets.sound.input import AudioInput
from edgenets.tasks.keywords import augment

# Widest SpecAugment stretch over time.
MASK_SECONDS = 0.2


def surround(
    rng: np.random.Generator,
    sound: NDArray[np.float32],
    recipe: AugmentRecipe,
    rate: int,
    noises: Sequence[NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Sound in another room and another noise, (samples,); always with a microphone's hiss.

    Args:
        noises: (samples,) each, of any length.
    """
    if rng.random() < recipe.room:
        sound = augment.reverberate(rng, sound, rate)
    if rng.random() < recipe.noise:
        noise = _stretch_of(rng, noises, len(sound))
        sound = augment.add_noise(sound, noise, rng.uniform(*recipe.noise_snr))
    sound += np.float32(augment.DITHER) * rng.standard_normal(len(sound), dtype=np.float32)
    return np.clip(sound, -1.0, 1.0)


def another_voice(
    rng: np.random.Generator,
    frames: NDArray[np.float32],
    recipe: AugmentRecipe,
    features: TrainedInput,
) -> NDArray[np.float32]:
    """Another vocal tract and another microphone, on (frames, bands) of features."""
    shift = int(rng.integers(-recipe.band_shift, recipe.band_shift + 1))
    curve = augment.equalize(rng, features.bands, recipe.equalizer)
    if not isinstance(features, AudioInput) or features.leveling:
        # A microphone's response is leveled out.
        return augment.shift_bands(frames, shift)
    # Features are natural logarithms of power, normalized; 10 dB are ln 10 of it.
    offset = curve * np.float32(np.log(10) / 10 / features.std)
    return augment.shift_bands(frames, shift) + offset


def mask_stretches(
    rng: np.random.Generator,
    frames: NDArray[np.float32],
    recipe: AugmentRecipe,
    features: TrainedInput,
    bands: int,
) -> None:
    """Blank stretches of time, and of so many bands at most, in place."""
    widest = int(MASK_SECONDS / features.frame_seconds)
    augment.mask(rng, frames, 0, recipe.time_masks, widest)
    augment.mask(rng, frames, 1, recipe.band_masks, bands)


def _stretch_of(
    rng: np.random.Generator, noises: Sequence[NDArray[np.float32]], length: int
) -> NDArray[np.float32]:
    noise = noises[int(rng.integers(len(noises)))]
    if len(noise) < length:  # a recording of silence is as short as a clip
        noise = np.tile(noise, -(-length // len(noise)))
    start = int(rng.integers(0, len(noise) - length + 1))
    return noise[start : start + length]
