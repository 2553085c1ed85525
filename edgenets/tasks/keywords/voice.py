"""Synthetic speakers: many ways to say a word, and the word said.

A voice of espeak-ng is a throat (a variant: its formants), an accent, a pitch
and a pace; those of `natural` are made of as much. The throat is what a network
could learn by heart, so it is the throat that counts as the speaker when
recordings are split: no throat of the test split was heard in training, in
whatever accent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.sound.audio import RATES, Resampler, as_float, pcm16_to_float
from edgenets.tasks.keywords import espeak
from edgenets.tasks.keywords.natural import NaturalVoice, natural_voices

# Accents of English in the data of espeak-ng 1.52, and how often each is drawn. British English
# is `en`: espeak-ng does not know its own `en-gb`. Shavian is left out, being a script.
ACCENTS = {
    "en-us": 4,
    "en": 3,
    "en-gb-x-rp": 1,
    "en-gb-scotland": 1,
    "en-gb-x-gbclan": 1,
    "en-gb-x-gbcwmd": 1,
    "en-029": 1,
    "en-us-nyc": 1,
}

# Variants of which a network trained on people alone (MLPerf Tiny's, on Speech Commands) understood
# at least 26 of 40 words at common paces; the best reach 37. That left out whispers and most
# robots; of variants that sound alike, one was kept. The order spreads the splits that
# `clips.split_of` makes: any 20 voices in turn have speakers of all three.
_MEN = """
    m4 antonio mike2 Storm m2 pedro Diogo Alex ed iven3 announcer Jacky edward sandro m6 boris
    quincy Mike Denis victor rob m3 m5 m1 max Mario m7 Nguyen m8 caleb grandpa paul robert john
    pablo Reed Gene klatt3 miguel edward2
"""
_WOMEN = "f3 f5 Andrea f2 f1 belinda steph2 linda grandma f4 aunty Annie"
MEN = ("", *_MEN.split())  # espeak-ng's plain voice is a man's
WOMEN = tuple(_WOMEN.split())

# Every so-many-th voice is a woman's: espeak-ng has three times as many men's.
WOMAN_EVERY = 3

# Where a network trained on people still understands most of the variants.
PITCHES = (15, 85)  # of espeak-ng's 0…99: men at 70–160 Hz, women at 125–340 Hz
PACES = (120, 210)  # words a minute
PITCH_RANGES = (20, 80)  # of espeak-ng's 0…99

# A word too long for its clip is said again at this pace before it is given up.
QUICK = PACES[1] + 20  # words a minute

# The number is one that divides men and women over the splits by the fractions of a recipe.
_SALT = "espeak-ng throat 334: "

# The loudest sample of a spoken text; 6 dB are left for what is done to it later.
PEAK = 0.5

# Silence that is left on both sides of a spoken text, and what counts as silence: even /f/ and
# /θ/ begin and end above it, and what is cut holds less than −55 dB of the energy.
MARGIN = 0.02  # s
SILENCE = -50.0  # dB under the loudest sample


class Speaker(Protocol):
    """Someone who speaks, by whatever engine."""

    rate: ClassVar[int]  # Hz, of what `say` gives

    @property
    def speaker(self) -> str:
        """Eight hexadecimal digits for the throat, as file names carry them."""

    def hurried(self) -> Self:
        """The same one in a hurry."""

    def say(self, text: str, phonemes: bool = False) -> NDArray[np.float32]:
        """A text as mono sound, (n,), with what silence the engine puts around it.

        Args:
            phonemes: the text is phonemes, as `mnemonics` gives them, one after another.

        Raises:
            DataError: the engine cannot say it.
            MissingExtra: the engine is not installed or does not load.
        """

    @staticmethod
    def mnemonics(texts: Sequence[str]) -> list[tuple[str, ...]]:
        """The phonemes of each text as the engine writes and reads them, with their stress."""


@dataclass(frozen=True)
class Voice:
    """One way of speaking, by espeak-ng; see `Speaker`."""

    rate: ClassVar[int] = espeak.SAMPLE_RATE

    name: str  # language and accent, by espeak-ng's name
    variant: str = ""  # of espeak-ng; "" is its plain voice
    pitch: int = 50  # 0…99; 50 is the variant's own
    speed: int = 165  # words a minute
    pitch_range: int = 50  # 0…99; how much the pitch moves

    def __post_init__(self) -> None:
        if self.speed not in espeak.SPEEDS:
            raise ValueError("speed must be 80 to 450 words a minute")
        if self.pitch not in espeak.PERCENT or self.pitch_range not in espeak.PERCENT:
            raise ValueError("pitch and pitch_range must be 0 to 99")

    @property
    def identifier(self) -> str:
        """What espeak-ng calls it."""
        return f"{self.name}+{self.variant}" if self.variant else self.name

    @property
    def speaker(self) -> str:
        """See `Speaker`."""
        return hashlib.sha256((_SALT + self.variant).encode()).hexdigest()[:8]

    def hurried(self) -> Voice:
        """See `Speaker`."""
        return replace(self, speed=QUICK)

    def say(self, text: str, phonemes: bool = False) -> NDArray[np.float32]:
        """See `Speaker`."""
        samples = espeak.synthesize(
            text, self.identifier, self.speed, self.pitch, self.pitch_range, phonemes
        )
        if not samples.any():
            raise DataError(f"{text!r}: espeak-ng says nothing as {self.identifier}")
        return pcm16_to_float(samples)

    @staticmethod
    def mnemonics(texts: Sequence[str]) -> list[tuple[str, ...]]:
        """See `Speaker`."""
        return espeak.mnemonics(texts)


def cast(count: int, seed: int, words: Sequence[str] = ()) -> list[Speaker]:
    """Distinct speakers of English, half of them of espeak-ng; errors as `voices`.

    The first of many are those of fewer by the same seed. Where hibari does not know how to say one
    of these words, all are of espeak-ng.
    """
    if not all(NaturalVoice.mnemonics(words)):
        return [*voices(count, seed)]
    speakers: list[Speaker] = []
    for turn in zip(natural_voices(count, seed), voices(count, seed), strict=True):
        speakers += turn
    return speakers[:count]


def voices(count: int, seed: int) -> list[Voice]:
    """Distinct voices in English; the first of many are those of fewer by the same seed.

    Raises:
        ValueError: fewer than one is asked for, or the seed is negative.
        DataError: a voice does not load.
        MissingExtra: espeak-ng is not installed or does not load.
    """
    if count < 1:
        raise ValueError("at least one voice must be asked for")
    rng = np.random.default_rng(seed)
    start = int(rng.integers(len(MEN) * len(WOMEN)))
    found: dict[Voice, None] = {}
    while len(found) < count:
        found[_draw(rng, start, len(found))] = None
    espeak.check_voices({voice.identifier for voice in found})
    return list(found)


def speak(
    text: str, speaker: Speaker, sample_rate: int = 16_000, phonemes: bool = False
) -> NDArray[np.float32]:
    """Say a text: (n,) mono float32, its peak at PEAK, with MARGIN of silence on both sides.

    The same arguments give the same samples.

    Args:
        phonemes: the text is phonemes; see `Speaker.mnemonics`.

    Raises:
        DataError: there is nothing to say, no such voice, or the engine fails.
        MissingExtra: the engine or soxr is not installed or does not load.
    """
    if sample_rate not in RATES:
        raise DataError(f"a sample rate of {sample_rate} Hz cannot be right")
    if not text.isprintable() or not any(c.isalnum() for c in text):
        raise DataError(f"{text!r}: no text that can be spoken; letters or digits are needed")
    sound = _trim(speaker.say(text, phonemes), speaker.rate)
    sound = as_float(Resampler(speaker.rate, sample_rate).push(sound, last=True))
    return sound * np.float32(PEAK / np.abs(sound).max())


def _draw(rng: np.random.Generator, start: int, turn: int) -> Voice:
    women, of_group = divmod(turn, WOMAN_EVERY)
    if of_group == WOMAN_EVERY - 1:
        variant = WOMEN[(start + women) % len(WOMEN)]
    else:
        variant = MEN[(start + turn - women) % len(MEN)]
    weights = np.array(list(ACCENTS.values()))
    return Voice(
        name=str(rng.choice(list(ACCENTS), p=weights / weights.sum())),
        variant=variant,
        pitch=int(rng.integers(*PITCHES, endpoint=True)),
        speed=int(rng.integers(*PACES, endpoint=True)),
        pitch_range=int(rng.integers(*PITCH_RANGES, endpoint=True)),
    )


def _trim(sound: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Cut silence down to MARGIN, or fill it up."""
    level = np.abs(sound)
    loud = np.flatnonzero(level > level.max() * 10 ** (SILENCE / 20))
    margin = round(MARGIN * rate)
    # The sound at `loud[0]` stands at `loud[0] + margin` once padded.
    return np.pad(sound, margin)[loud[0] : loud[-1] + 2 * margin + 1]
