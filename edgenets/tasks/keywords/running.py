"""Running speech, and what sounds nearly like the user's words: all that is to be left alone.

A network that learned from single words takes many a sentence for one of them: the end of one word
and the beginning of the next are words that it never heard. So it hears sentences, and hears words
and phrases that differ from the user's by a few phonemes, or begin or end as they do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import Split, SplitShares, split_of
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.sound import audio
from edgenets.tasks.keywords.clips import some_recordings
from edgenets.tasks.keywords.voice import Speaker, cast, speak
from edgenets.tasks.keywords.words import COMMON, FUNCTION, Ear, edits

Pcm = NDArray[np.int16]  # (n,)

# Words of a sentence, and the share of those that every sentence has.
SENTENCE_WORDS = (3, 10)
FUNCTION_SHARE = 0.4

# Voices that speak; each split has those of its own throats, and says other things.
CAST = 600
TOGETHER = 64  # texts that are said at once, or are about to be
SEEDS: dict[Split, int] = {"train": 101, "validation": 102, "test": 103}

# Of what is nearly a word: the share of changed phonemes; else it begins or ends as the word does.
CHANGED = 0.5
INSERTED, DROPPED = 0.2, 0.2  # of the changes; else a phoneme is replaced
SHORT = 4  # phonemes: so short a word is another where one has changed
MOST_OF_WORD = 0.7  # that something else begins or ends with
TRIES = 20  # for each

# s of what nobody takes for a word, or for a sentence.
LENGTHS = (0.1, 10.0)

# A recording is cut into pieces, of which so many are kept: four hours.
PIECE_SECONDS = 5.0
MOST_PIECES = 3000

# As many recordings divide into splits well; fewer are divided piece by piece.
ENOUGH_FILES = 20


def sentences(
    words: Sequence[str], count: int, speakers: Sequence[Speaker], seed: int, sample_rate: int
) -> Iterator[Pcm]:
    """Sentences in which none of some words is said, each by the next speaker.

    They have no meaning, and need none. Errors as `words.vocabulary`.
    """
    rng = np.random.default_rng((seed, 11))
    ear = Ear(words, [*COMMON, *FUNCTION])
    common, function = (
        [word for word in texts if not ear.hears([word])] for texts in (COMMON, FUNCTION)
    )

    def texts() -> Iterator[str]:
        while True:
            shares = rng.random(int(rng.integers(*SENTENCE_WORDS, endpoint=True)))
            kinds = [function if share < FUNCTION_SHARE else common for share in shares]
            text = [kind[int(rng.integers(len(kind)))] for kind in kinds]
            if not ear.hears(text):
                yield " ".join(text)

    yield from islice(said(zip(texts(), cycle(speakers), strict=False), sample_rate), count)


def near_misses(
    words: Sequence[str], count: int, speakers: Sequence[Speaker], seed: int, sample_rate: int
) -> Iterator[Pcm]:
    """What sounds nearly like one of some words; errors as `words.vocabulary`."""
    rng = np.random.default_rng((seed, 12))
    engines = {type(speaker): speaker for speaker in speakers}
    spelled = {engine: _Spelled.by(one, words) for engine, one in engines.items()}

    def texts() -> Iterator[tuple[str, Speaker]]:
        for speaker in islice(cycle(speakers), TRIES * count if words else 0):
            if (made := spelled[type(speaker)].near(rng)) is not None:
                yield made, speaker

    sounds = said(texts(), sample_rate, phonemes=True)
    fitting = (s for s in sounds if LENGTHS[0] <= len(s) / sample_rate <= LENGTHS[1])
    yield from islice(fitting, count)


@dataclass(frozen=True)
class _Spelled:
    """The user's words and others, by the phonemes of an engine."""

    own: list[tuple[str, ...]]
    others: list[tuple[str, ...]]
    every: list[str]  # phoneme of these

    @classmethod
    def by(cls, speaker: Speaker, words: Sequence[str]) -> _Spelled:
        """As a speaker's engine reads them; without those that it cannot say."""
        own, others = (
            [spelled for spelled in speaker.mnemonics(texts) if spelled]
            for texts in (words, COMMON)
        )
        return cls(own, others, [phoneme for spelled in others for phoneme in spelled])

    def near(self, rng: np.random.Generator) -> str | None:
        """Something that is nearly one of the words, if that was found."""
        if not self.own:
            return None
        word = self.own[int(rng.integers(len(self.own)))]
        other = self.others[int(rng.integers(len(self.others)))]
        if rng.random() < CHANGED:
            made = _changed(rng, word, self.every)
        else:
            made = _joined(rng, word, other)
        return None if any(_is_like(made, one) for one in self.own) else "".join(made)


def cast_of(split: Split, shares: SplitShares, seed: int) -> list[Speaker]:
    """Speakers whose throats are of a split; those of training where it has none.

    Raises:
        MissingExtra: espeak-ng or hibari is not installed or does not load.
    """
    every = cast(CAST, seed)
    found = {
        name: [v for v in every if split_of(v.speaker, shares.validation, shares.test) == name]
        for name in (split, "train")
    }
    return found[split] or found["train"] or every


def recordings(
    paths: Sequence[Path], split: Split, shares: SplitShares, sample_rate: int, progress: Progress
) -> list[Pcm]:
    """Pieces of recordings, or of folders of them, in which no word is said.

    Raises:
        DataError: there are none, or one cannot be read.
    """
    found = [path for root in paths for path in some_recordings(root)]
    by_file = len(found) >= ENOUGH_FILES
    kept: list[Pcm] = []

    def is_ours(group: str) -> bool:
        return split_of(group, shares.validation, shares.test) == split

    with progress.task(f"reading negatives for {split}") as task:
        for number, path in enumerate(found, 1):
            if not by_file or is_ours(path.name):
                pieces = enumerate(_pieces(path, sample_rate))
                kept += [piece for at, piece in pieces if by_file or is_ours(f"{path.name} {at}")]
            task.update(number, len(found), path.name)
    if len(kept) > MOST_PIECES:
        chosen = np.random.default_rng(SEEDS[split]).choice(len(kept), MOST_PIECES, replace=False)
        kept = [kept[i] for i in sorted(chosen.tolist())]
    return kept


def _pieces(path: Path, sample_rate: int) -> list[Pcm]:
    """A recording in pieces of equal length, without a short rest."""
    pcm = audio.float_to_pcm16(audio.read(path, sample_rate))
    size = int(PIECE_SECONDS * sample_rate)
    pieces = [pcm[at : at + size] for at in range(0, len(pcm), size)]
    return [piece for piece in pieces if len(piece) >= LENGTHS[0] * sample_rate]


def said(
    texts: Iterable[tuple[str, Speaker]], sample_rate: int, phonemes: bool = False
) -> Iterator[Pcm]:
    """What speakers say, several at once, in order; without the phonemes that make no sound."""

    def say(one: tuple[str, Speaker]) -> Pcm | None:
        try:
            return audio.float_to_pcm16(speak(*one, sample_rate, phonemes))
        except DataError:
            if phonemes:
                return None
            raise

    waiting = iter(texts)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while some := list(islice(waiting, TOGETHER)):
            yield from (sound for sound in pool.map(say, some) if sound is not None)


def _changed(
    rng: np.random.Generator, word: Sequence[str], every: Sequence[str]
) -> tuple[str, ...]:
    """A word with a few of its phonemes replaced, dropped, or with others between them."""
    made = list(word)
    least = _apart(word)
    for _ in range(int(rng.integers(least, max(least + 1, len(word) // 2), endpoint=True))):
        at, chance = int(rng.integers(len(made))), rng.random()
        other = every[int(rng.integers(len(every)))]
        if chance < INSERTED:
            made.insert(at, other)
        elif chance < INSERTED + DROPPED and len(made) > 2:
            del made[at]
        else:
            made[at] = other
    return tuple(made)


def _joined(rng: np.random.Generator, word: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    """Something that begins or ends as a word does."""
    most = max(1, int(MOST_OF_WORD * len(word)))
    count = int(rng.integers(1, most, endpoint=True))
    return (*word[:count], *other) if rng.random() < 0.5 else (*other, *word[-count:])


def _is_like(made: Sequence[str], word: Sequence[str]) -> bool:
    """Whether the one may be taken for the other, or holds it."""
    one, other = unstressed(made), unstressed(word)
    places = range(len(one) - len(other) + 1)
    return edits(one, other) < _apart(word) or any(one[i : i + len(other)] == other for i in places)


def _apart(word: Sequence[str]) -> int:
    """By so many phonemes must another word differ from it."""
    return 1 if len(word) <= SHORT else 2


def unstressed(phonemes: Sequence[str]) -> tuple[str, ...]:
    """Phonemes without their stress: words that are the same in these sound alike."""
    return tuple(phoneme.lstrip("',%=ˈˌ") for phoneme in phonemes)
