"""What a second of sound measures: a few reductions of NumPy, some 30 µs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.sound.misread import roughness
from edgenets.sound.pcm import Sound, as_float, mean_of

# A sample from here on is at full scale, whether of 16 bits or more.
RAIL = 32766.5 / 32768

# Sound below it is looked at for events; dB are of full scale.
QUIET = 0.004  # −48 dB

# Pieces of which the loudness is compared.
_PIECE = 0.02  # s
_FLOOR = (0.1 / 32768) ** 2  # energy of rounding to 16 bits

# Loudness of an event over its surroundings, as of a word in a silent room.
_EVENT = 12.0  # dB

# Two channels cancel where their mean has less than this part of the energy that it would have
# if the louder one came alone. Channels that have nothing in common leave 2, the same ones 4.
_CANCELLED = 0.1
_AUDIBLE = 1e-3  # RMS, −60 dB


@dataclass(frozen=True)
class Level:
    """The level of a window of sound, as it is after its channels are mixed; full scale is 1."""

    seconds: float
    low: float
    high: float
    mean: float
    steady: float  # the mean, where it is the same all along; else 0
    rms: float
    rough: float  # see `misread.roughness`
    railed: float  # part of the samples at full scale or beyond
    audible: bool  # whether a channel of several has sound
    cancelled: bool  # the channels cancel
    mono: NDArray[np.float32]  # (n,)

    def event(self) -> bool:
        """Whether something in it stands out; it takes as long as all the others together."""
        return _has_event(self.mono, round(len(self.mono) / self.seconds))

    @property
    def swing(self) -> float:
        """The largest deflection from the mean."""
        return max(self.high - self.mean, self.mean - self.low)


def measure(samples: Sound, rate: int) -> Level:
    """The level of (n,) or (n, channels) samples, n > 1."""
    floats = as_float(samples)
    mono, loudest = mixed(floats)
    count = len(mono)
    low, high, mean = float(mono.min()), float(mono.max()), float(np.add.reduce(mono)) / count
    energy = float(np.dot(mono, mono)) / count
    rms = energy**0.5
    railed = 0.0
    if high >= RAIL or low <= -RAIL:
        railed = float(np.count_nonzero(np.abs(mono) >= RAIL)) / count
    several = loudest is not None and loudest > _AUDIBLE**2
    alone = loudest / floats.shape[1] ** 2 if loudest is not None else 0.0
    return Level(
        count / rate,
        low,
        high,
        mean,
        _steady(mono, mean),
        rms,
        roughness(mono, rms, mean),
        railed,
        several,
        several and energy < _CANCELLED * alone,
        mono,
    )


def mixed(floats: NDArray[np.float32]) -> tuple[NDArray[np.float32], float | None]:
    """(n,) mean of the channels, and the energy of the loudest of several."""
    if floats.ndim == 1 or floats.shape[1] == 1:
        return np.ascontiguousarray(floats).reshape(-1), None
    columns = np.ascontiguousarray(floats.T)
    loudest = max(float(np.dot(column, column)) for column in columns) / len(floats)
    return mean_of(columns), loudest


def _steady(mono: NDArray[np.float32], mean: float) -> float:
    """Slow rumble has a mean, too, but another one each moment."""
    if abs(mean) < 0.01 or len(mono) < 8:  # the usual case
        return 0.0
    parts = [float(part.mean()) for part in np.array_split(mono, 8)]
    return mean if max(parts) - min(parts) < 0.5 * abs(mean) else 0.0


def _has_event(mono: NDArray[np.float32], rate: int) -> bool:
    size = max(2, round(_PIECE * rate))
    steps = mono[1:] - mono[:-1]  # rumble is no event
    pieces = len(steps) // size
    if pieces < 5:
        return False
    energies = np.square(steps[: pieces * size]).reshape(pieces, size).mean(axis=1) + _FLOOR
    background = float(np.percentile(energies, 20))
    return bool(10 * np.log10(energies.max() / background) > _EVENT)
