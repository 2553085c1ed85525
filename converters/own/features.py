"""A user's own features, held against those that a device will compute.

A model that equals its artifacts hears nothing where its features are others. The reference is a
`.npz` of what the user's own code made of a sound: `sound`, (samples,) float32 in [−1, 1) or int16,
at the model's rate, and `features`, (frames, numbers).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgenets.arrays import Array
from edgenets.errors import DataError, GateFailed, ModelError, first_line
from edgenets.sound.audio import FULL_SCALE
from edgenets.sound.features import frames_of
from edgenets.spec import ModelSpec
from edgenets.tasks.golden import golden_sound
from edgenets.tasks.sound import SoundSpec

from .options import OwnOptions

# Of the features' own spread. Libraries compute in float32, and differ by a ten-thousandth.
TOLERANCE = 1e-3

# What the arrays of a reference may be called.
_SOUND, _FEATURES = ("sound", "audio", "samples", "waveform"), ("features", "feats", "mel", "mfcc")

# A library pads a clip at its end as well, which no stream has.
_LAST = 3

# Fewer frames prove nothing.
_LEAST = 10


@dataclass(frozen=True)
class Compared:
    """A front end, held against the user's."""

    frames: int
    error: float  # the largest difference, of the spread of the user's features
    tolerance: float

    def __str__(self) -> str:
        return (
            f"{self.frames} frames differ from the reference by {self.error:.2g} of its spread at "
            f"most (tolerance {self.tolerance:g})"
        )


def compared(spec: ModelSpec, options: OwnOptions) -> Compared | None:
    """Hold a spec's front end against the user's reference; None: there is none.

    Raises:
        ModelError: the model takes no sound.
        DataError: the reference cannot be read.
        GateFailed: the features differ by more than the tolerance.
    """
    if options.reference is None:
        return None
    if not isinstance(spec, SoundSpec):
        raise ModelError(f"--reference is of features of sound; {spec.name} takes none")
    where, width = _named(options.reference), spec.input.width
    if callable(options.reference):
        sound = golden_sound(spec).astype(np.float32) / FULL_SCALE
        made = np.squeeze(np.asarray(options.reference(sound)))
        wanted = _frames_first(where, made, width)
    else:
        sound, wanted = _read(options.reference, width)
    found = frames_of(sound, spec.input)
    count = min(len(found), len(wanted) - _LAST)
    if count < _LEAST:
        raise DataError(
            f"{where}: {len(wanted)} frames, of which edgenets makes {len(found)}; "
            f"{_LEAST + _LAST} at least are needed to compare"
        )
    mine, own = found[:count].astype(np.float64), wanted[:count].astype(np.float64)
    spread = float(own.std()) or 1.0
    error = np.abs(mine - own) / spread
    tolerance = TOLERANCE if options.tolerance is None else options.tolerance
    worst = float(error.max())
    if not worst <= tolerance:
        raise GateFailed(f"{where}: {_difference(mine, own, error, tolerance)}")
    return Compared(count, worst, tolerance)


def _named(reference: Path | Callable[[Array], Array]) -> str:
    if isinstance(reference, Path):
        return str(reference)
    return getattr(reference, "__name__", type(reference).__name__)


def _difference(mine: Array, own: Array, error: Array, tolerance: float) -> str:
    """Where features differ, and what might be the reason."""
    frame, band = np.unravel_index(int(error.argmax()), error.shape)
    text = (
        f"its features are not those that a device would compute: frame {frame}, number {band} is "
        f"{own[frame, band]:.4g} there and {mine[frame, band]:.4g} here; {error.max():.2g} of "
        f"their spread, where {tolerance:g} is allowed"
    )
    flat, wanted = mine.reshape(-1), own.reshape(-1)
    if np.std(flat) > 0 and np.std(wanted) > 0:
        slope, level = np.polyfit(flat, wanted, 1)
        left = np.abs(slope * flat + level - wanted).max() / (np.std(wanted) or 1.0)
        if left <= max(tolerance, 1e-3):
            return (
                f"{text}. They are {slope:.5g} times those here, plus {level:.5g}: say mean = "
                f"{-level / slope:.6g} and std = {1 / slope:.6g}, or another full_scale or compress"
            )
    shifts = {s: _apart(mine, own, s) for s in range(-3, 4) if s}
    best = min(shifts, key=lambda s: shifts[s])
    if shifts[best] <= max(tolerance, 1e-2):
        return (
            f"{text}. They are {abs(best)} frames {'later' if best > 0 else 'earlier'}: see before"
        )
    return text


def _apart(mine: Array, own: Array, shift: int) -> float:
    a, b = (mine[: len(mine) - shift], own[shift:]) if shift > 0 else (mine[-shift:], own[:shift])
    return float(np.abs(a - b).max() / (own.std() or 1.0))


def _read(path: Path, width: int) -> tuple[Array, Array]:
    """The sound of a reference, (samples,), and its features, (frames, numbers).

    Raises:
        DataError: there is none, or it is of another width.
    """
    try:
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: np.squeeze(found[name]) for name in found.files}
    except Exception as exc:  # of a damaged file, whatever its bytes make of themselves
        raise DataError(f"{path}: no .npz of sound and features: {first_line(exc)}") from exc
    sound = next((arrays[n] for n in _SOUND if n in arrays), None)
    features = next((arrays[n] for n in _FEATURES if n in arrays), None)
    if sound is None or features is None:
        raise DataError(
            f"{path}: has {', '.join(arrays) or 'nothing'}; 'sound' (samples) and 'features' "
            f"(frames, numbers) are needed"
        )
    if sound.ndim != 1:
        raise DataError(f"{path}: sound is {list(sound.shape)}; (samples,) is needed")
    pcm = sound if sound.dtype == np.int16 else sound.astype(np.float32)
    return pcm, _frames_first(path, features, width)


def _frames_first(path: Path | str, features: Array, width: int) -> Array:
    """Features, (frames, numbers): librosa and torchaudio have the frames last."""
    if features.ndim != 2 or width not in features.shape:
        raise DataError(f"{path}: features are {list(features.shape)}; (frames, {width}) is needed")
    return features if features.shape[1] == width else features.T
