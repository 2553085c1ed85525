"""Natural voices: what a network learned from a person's voice, out of many throats.

espeak-ng computes speech by rules, and nobody sounds like it: a keyword network that hears it alone
misses people. hibari is a small network that speaks as one person does. It gives spectra and a
pitch, of which its vocoder makes sound. Between the two, spectra are stretched over frequency
(another vocal tract), the pitch and its moves are scaled (another larynx, another temper), and time
is warped (another pace, sound by sound).
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.extras import require

# Factors of the network's own pitch, a woman's, and of its spectra's frequencies: men, women,
# children, and how many throats of each.
_KINDS = (
    (12, (0.44, 0.72), (0.80, 0.94)),
    (8, (0.75, 1.25), (0.93, 1.08)),
    (4, (1.1, 1.6), (1.08, 1.22)),
)
_GOLDEN = 0.618  # steps of it spread a second figure evenly over any count of firsts

# What differs between two who have the same throat.
PITCHES = (0.9, 1.1)
PACES = (0.75, 1.35)
LIVELINESS = (0.3, 1.6)

# A word too long for its clip is said at this pace.
QUICK = 1.5

# How much the pace moves in a word (standard deviation of its logarithm), and over what.
RUBATO, RUBATO_FRAMES = 0.22, 12  # of 12.5 ms

# Slope of the spectrum over all of it, and breath, as natural logarithms of amplitude; and the fall
# or rise of the pitch over what is said, as one of frequency.
SLOPES = (-1.5, 1.0)
BREATH = (-0.6, 1.0)
TILT = 0.12

VOICED = 40.0  # Hz: below it the network means no pitch

_LOCK = threading.Lock()

_STRESS = "ˈˌ"

# The number is one that divides the throats over the splits by the fractions of a recipe.
_SALT = "natural throat 104405: "


class _Run(Protocol):
    def run(
        self, outputs: None, inputs: dict[str, NDArray[np.generic]]
    ) -> list[NDArray[np.float32]]:
        """Everything that the network says of some phonemes."""


class _Engine(Protocol):
    """What is used of hibari."""

    sess: _Run

    def phonemize(self, text: str) -> list[str]:
        """The phonemes of each sentence."""

    def ids(self, phonemes: str) -> list[int]:
        """Their numbers."""


@dataclass(frozen=True)
class NaturalVoice:
    """One way of speaking; see `voice.Speaker`."""

    rate: ClassVar[int] = 24_000  # Hz

    throat: int  # of THROATS
    pitch: float = 1.0  # beside the throat's
    pace: float = 1.0
    liveliness: float = 1.0  # how much the pitch moves
    seed: int = 0  # of what differs each time

    @property
    def speaker(self) -> str:
        """See `voice.Speaker`."""
        return hashlib.sha256(f"{_SALT}{self.throat}".encode()).hexdigest()[:8]

    def hurried(self) -> NaturalVoice:
        """See `voice.Speaker`."""
        return replace(self, pace=QUICK)

    def say(self, text: str, phonemes: bool = False) -> NDArray[np.float32]:
        """See `voice.Speaker`."""
        engine = _engine()
        said = [text] if phonemes else engine.phonemize(text)
        rng = np.random.default_rng((self.seed, zlib.crc32(text.encode())))
        parts = [self._voiced(rng, engine.ids(part)) for part in said]
        sound: NDArray[np.float32] = np.concatenate([np.zeros(1, np.float32), *parts])
        if not sound.any():
            raise DataError(f"{text!r}: hibari says nothing")
        return sound

    @staticmethod
    def mnemonics(texts: Sequence[str]) -> list[tuple[str, ...]]:
        """See `voice.Speaker`."""
        return [_sounds("".join(_engine().phonemize(text))) for text in texts]

    def _voiced(self, rng: np.random.Generator, ids: Sequence[int]) -> NDArray[np.float32]:
        """Phonemes, by their numbers, as sound."""
        vocoder = require("hibari.dsp")
        inputs: dict[str, NDArray[np.generic]] = {
            "ids": np.array([ids], np.int64),
            "speed": np.array([self.pace], np.float32),
        }
        harmonic, turn, noise, free, phase, pitch = (
            out[0] for out in _engine().sess.run(None, inputs)
        )
        pitch_factor, stretch = THROATS[self.throat]
        places = _rubato(rng, harmonic.shape[1])
        harmonic, noise, free = (
            _stretched(_at(part, places), stretch) for part in (harmonic, noise, free)
        )
        harmonic += np.linspace(0, rng.uniform(*SLOPES), len(harmonic), dtype=np.float32)[:, None]
        noise += np.float32(rng.uniform(*BREATH))
        melody = self._melody(rng, pitch[np.rint(places).astype(int)], pitch_factor * self.pitch)
        parts = (harmonic, _at(turn, places), noise, free, _at(phase, places), melody)
        sound: NDArray[np.float32] = vocoder.synth(*parts, rng)
        return sound

    def _melody(
        self, rng: np.random.Generator, pitch: NDArray[np.float32], factor: float
    ) -> NDArray[np.float32]:
        """The pitch of every frame, Hz, in this voice; 0 stays where there is none."""
        voiced = pitch > VOICED
        if not voiced.any():
            return pitch
        logs = np.log(np.where(voiced, pitch, 1.0))
        mean = logs[voiced].mean()
        begin, end = rng.normal(0, TILT, 2)
        tilt = np.linspace(begin, end, len(pitch))
        moved = np.exp(mean + np.log(factor) + self.liveliness * (logs - mean) + tilt)
        return np.where(voiced, moved, 0.0).astype(np.float32)


def natural_voices(count: int, seed: int) -> list[NaturalVoice]:
    """Distinct voices; the first of many are those of fewer by the same seed."""
    rng = np.random.default_rng((seed, 31))
    start = int(rng.integers(len(THROATS)))
    return [
        NaturalVoice(
            throat=(start + number) % len(THROATS),
            pitch=float(rng.uniform(*PITCHES)),
            pace=float(rng.uniform(*PACES)),
            liveliness=float(rng.uniform(*LIVELINESS)),
            seed=int(rng.integers(1 << 31)),
        )
        for number in range(count)
    ]


def _throats() -> tuple[tuple[float, float], ...]:
    """The pitch and the stretch of every throat, so that throats in turn are of all kinds."""
    made = [
        (
            number / count,
            low + (number + 0.5) / count * (high - low),
            short + number * _GOLDEN % 1 * (long - short),
        )
        for count, (low, high), (short, long) in _KINDS
        for number in range(count)
    ]
    return tuple((pitch, stretch) for _, pitch, stretch in sorted(made))


THROATS = _throats()


def _engine() -> _Engine:
    with _LOCK:  # several threads begin at once, and each would load all of it
        return _loaded()


@cache
def _loaded() -> _Engine:
    engine: _Engine = require("hibari").Hibari()
    engine.phonemize("hello")  # its lexicons are read at the first word
    return engine


def _sounds(phonemes: str) -> tuple[str, ...]:
    """Phonemes one by one, each with the stress that stands before it."""
    found: list[str] = []
    stress = ""
    for sound in phonemes:
        if sound in _STRESS:
            stress = sound
        elif sound.isalpha():
            found.append(stress + sound)
            stress = ""
    return tuple(found)


def _rubato(rng: np.random.Generator, frames: int) -> NDArray[np.float64]:
    """At which frames a speaker is, who goes now faster and now slower."""
    knots = 2 + frames // RUBATO_FRAMES
    slower = np.interp(
        np.linspace(0, knots - 1, frames), range(knots), rng.normal(0, RUBATO, knots)
    )
    passed = np.cumsum(np.exp(slower))
    return np.interp(np.arange(passed[0], passed[-1]), passed, range(frames))


def _at(part: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """(bins, frames) at places between the frames."""
    before = np.minimum(places.astype(int), part.shape[1] - 2)
    share = (places - before).astype(np.float32)
    between: NDArray[np.float32] = part[:, before] * (1 - share) + part[:, before + 1] * share
    return between


def _stretched(part: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """(bins, frames) with every frequency so many times as high; the highest is repeated."""
    places = np.minimum(np.arange(len(part)) / factor, len(part) - 1.0)
    return _at(part.T, places).T
