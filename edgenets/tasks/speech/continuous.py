"""Continuous synthetic speech with known words at known times, to try detectors on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgenets.errors import DataError
from edgenets.sound.audio import RATES
from edgenets.tasks.keywords import augment, unknown
from edgenets.tasks.keywords.augment import Sound
from edgenets.tasks.keywords.clips import Clip, split_of
from edgenets.tasks.keywords.recipe import DataRecipe
from edgenets.tasks.keywords.voice import Voice, speak, voices
from edgenets.tasks.keywords.words import UNKNOWN, vocabulary

GAPS = (0.7, 2.5)  # s from the end of a word to the start of the next
OTHERS = 0.3  # probability of an unknown word or phrase before a word
GAINS = (-12.0, 3.0)  # dB about `voice.PEAK`
VOICES = 24  # where none are given
LOUDEST = 0.95  # a stream beyond this is turned down as a whole


@dataclass(frozen=True)
class SpokenWord:
    """A word in a stream."""

    label: str
    start: float  # s
    end: float  # s


@dataclass(frozen=True)
class Stream:
    """Continuous sound, and what is said in it."""

    sound: Sound  # (n,)
    sample_rate: int  # Hz
    words: tuple[SpokenWord, ...]  # the user's words, in order: all of them are to be heard
    others: tuple[SpokenWord, ...]  # unknown words and phrases: none of them is


def make_stream(
    words: Sequence[str],
    *,
    seed: int,
    count: int,
    sample_rate: int = 16_000,
    snr_db: float = 20.0,
    voices: Sequence[Voice] | None = None,
) -> Stream:
    """Say words one after another, with pauses and other words between them, over noise.

    The same arguments give the same samples.

    Args:
        words: as `speech.make_dataset` takes them; all are said equally often.
        count: how many of them are said in all.
        snr_db: speech over noise, both RMS, where something is said; inf for no noise.
        voices: who speaks; without, `unheard_voices`.

    Raises:
        DataError: a word cannot be said or is there twice, or there is nothing to say.
        MissingExtra: espeak-ng or soxr is not installed or does not load.
    """
    known = vocabulary(words)
    if count < 1 or seed < 0 or sample_rate not in RATES or (voices is not None and not voices):
        raise DataError(
            "a stream needs a count of at least 1, a seed of at least 0, a sample rate of sound "
            "and at least one voice"
        )
    rng = np.random.default_rng((seed, len(words), count))
    cast = tuple(voices) if voices is not None else tuple(unheard_voices(VOICES, seed))
    rounds = -(-count // len(words))
    order = np.concatenate([rng.permutation(len(words)) for _ in range(rounds)])[:count]
    tape = _Tape(rng, sample_rate)
    for number in order:
        if rng.random() < OTHERS:
            tape.say(unknown.draw_text(rng, known), UNKNOWN, _any(rng, cast))
        tape.say(known.words[number], known.labels[number], _any(rng, cast))
    sound = tape.sound(snr_db)
    labelled = [word for word in tape.said if word.label != UNKNOWN]
    others = [word for word in tape.said if word.label == UNKNOWN]
    return Stream(sound, sample_rate, tuple(labelled), tuple(others))


def unheard_voices(count: int, seed: int) -> list[Voice]:
    """Voices that a network trained by a recipe's usual fractions has not heard: its test split's.

    Raises as `voice.voices`.
    """
    drawn, found = count, list[Voice]()
    while len(found) < count:
        drawn *= 2
        found = [voice for voice in voices(drawn, seed) if _is_kept_for_test(voice)]
    return found[:count]


class _Tape:
    """Sound that grows word by word."""

    def __init__(self, rng: np.random.Generator, sample_rate: int) -> None:
        self._rng = rng
        self._rate = sample_rate
        self._pieces: list[Sound] = []
        self._length = 0  # samples
        self._spoken = 0  # samples
        self.said: list[SpokenWord] = []
        self._pause()

    def say(self, text: str, label: str, voice: Voice) -> None:
        sound = speak(text, voice, self._rate)
        start = self._length
        self._add(sound * np.float32(10 ** (self._rng.uniform(*GAINS) / 20)))
        self._spoken += len(sound)
        self.said.append(SpokenWord(label, start / self._rate, self._length / self._rate))
        self._pause()

    def sound(self, snr_db: float) -> Sound:
        """All of it over noise, (n,)."""
        clean = np.concatenate(self._pieces)
        # `add_noise` measures speech over the whole, pauses and all.
        over_all = snr_db + 10 * np.log10(self._spoken / self._length)
        noise = augment.colored_noise(self._rng, len(clean))
        sound = augment.add_noise(clean, noise, over_all)
        return sound * np.float32(min(1.0, LOUDEST / np.abs(sound).max()))

    def _pause(self) -> None:
        self._add(np.zeros(round(self._rng.uniform(*GAPS) * self._rate), dtype=np.float32))

    def _add(self, piece: Sound) -> None:
        self._pieces.append(piece)
        self._length += len(piece)


def _any(rng: np.random.Generator, cast: Sequence[Voice]) -> Voice:
    return cast[int(rng.integers(len(cast)))]


def _is_kept_for_test(voice: Voice) -> bool:
    usual = DataRecipe()
    clip = Clip(Path(), label="", speaker=voice.speaker)
    return split_of(clip, usual.validation, usual.test) == "test"
