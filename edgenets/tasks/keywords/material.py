"""What streams for training and for trials are made of: recordings, and what is synthesized."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.tasks.keywords import running
from edgenets.tasks.keywords.augment import FRAME, QUIET, frame_powers
from edgenets.tasks.keywords.clips import ClipSet
from edgenets.tasks.keywords.mixture import Material
from edgenets.tasks.keywords.noises import noises
from edgenets.tasks.keywords.recipe import KeywordRecipe
from edgenets.tasks.keywords.running import Pcm
from edgenets.tasks.keywords.words import SILENCE, UNKNOWN, label_of

# A frame of a recording in which nothing is said is as much quieter than the loudest, or as near
# to the quiet ones.
QUIETER, NEAR = 35.0, 8.0  # dB

# s that is kept on both sides of a word.
MARGIN = 0.02

# Of so many sentences in training, one is made for a trial.
TRIAL_PART = 2

# How often each kind is drawn in a trial: sentences, near misses, unknown words, the user's own.
# Training draws all alike. With as many near misses as sentences, thresholds by which none is
# accepted hear half of the words; with none at all, some of people's speech is accepted.
TRIAL_SHARES = (15, 1, 4, 15)


def with_background(clips: ClipSet) -> ClipSet:
    """The same clips, with labels for what is no word and for where nothing is said."""
    missing = tuple(label for label in (UNKNOWN, SILENCE) if label not in clips.labels)
    return ClipSet(clips.sounds, clips.targets, clips.labels + missing, clips.sample_rate)


def material(recipe: KeywordRecipe, clips: ClipSet, split: Split, progress: Progress) -> Material:
    """What streams of a split are made of; its labels are those of `with_background`.

    Args:
        clips: of the split.

    Raises:
        DataError: there are no recordings of a word, or a folder of negatives has none.
        MissingExtra: espeak-ng or hibari is not installed or does not load.
    """
    clips = with_background(clips)
    unknown, silence = (clips.labels.index(label) for label in (UNKNOWN, SILENCE))
    words = _words(clips, split, (unknown, silence))
    rate = clips.sample_rate
    speech = _synthesized(recipe, [clips.labels[n] for n in words], split, rate, progress)
    speech.append(recordings_of(clips, unknown))
    if paths := [Path(path) for path in recipe.listening.recordings]:
        speech.append(running.recordings(paths, split, recipe.data.shares, rate, progress))
    length = int(recipe.listening.seconds * rate)
    bank = noises(speech[0], recordings_of(clips, silence), length, rate)
    kinds = _drawn(speech, (1,) * len(speech) if split == "train" else TRIAL_SHARES)
    recordings = tuple((number, tuple(found)) for number, found in words.items())
    return Material(clips.labels, recordings, kinds, bank, unknown, silence)


def _words(clips: ClipSet, split: Split, others: Sequence[int]) -> dict[int, list[Pcm]]:
    """The recordings of each label that is a word."""
    words = {n: recordings_of(clips, n) for n in range(len(clips.labels)) if n not in others}
    if missing := [clips.labels[number] for number, found in words.items() if not found]:
        raise DataError(f"the {split} split has no recordings of {', '.join(missing)}")
    return words


def _drawn(speech: Sequence[Sequence[Pcm]], shares: Sequence[int]) -> tuple[tuple[Pcm, ...], ...]:
    """Kinds of speech, each as many times as it is to be drawn."""
    pairs = zip(speech, shares, strict=False)
    return tuple(tuple(kind) for kind, share in pairs if kind for _ in range(share))


def recordings_of(clips: ClipSet, number: int) -> list[Pcm]:
    """The recordings of a label; of words, what is said in them."""
    found = [clips.sounds[i] for i in np.flatnonzero(clips.targets == number).tolist()]
    if clips.labels[number] == SILENCE:
        return found
    return [word_of(pcm, clips.sample_rate) for pcm in found]


def _synthesized(
    recipe: KeywordRecipe, words: Sequence[str], split: Split, rate: int, progress: Progress
) -> list[list[Pcm]]:
    """Sentences, and what is nearly a word of these labels."""
    listening, seed = recipe.listening, recipe.seed + running.SEEDS[split]
    part = 1 if split == "train" else TRIAL_PART
    sentences, near = listening.sentences // part, listening.near // part
    texts = [label.replace("_", " ") for label in words]
    spoken = [text for text in texts if _can_be_said(text, progress)]
    cast = running.cast_of(split, recipe.data.shares, seed)
    kinds: list[list[Pcm]] = [[], []]
    with progress.task(f"speaking for {split}") as task:
        for pcm in running.sentences(spoken, sentences, cast, seed, rate):
            kinds[0].append(pcm)
            task.update(len(kinds[0]), sentences + near)
        for pcm in running.near_misses(spoken, near, cast, seed, rate):
            kinds[1].append(pcm)
            task.update(sentences + len(kinds[1]), sentences + near)
    return kinds


def _can_be_said(word: str, progress: Progress) -> bool:
    try:
        label_of(word)
    except DataError as exc:
        progress.say(f"nothing that sounds nearly like it is synthesized: {exc}")
        return False
    return True


def word_of(pcm: Pcm, sample_rate: int) -> Pcm:
    """The part of a recording in which something is said; all of it where that is not clear."""
    power = frame_powers(pcm, sample_rate)
    if not len(power):
        return pcm
    levels: NDArray[np.float32] = 10 * np.log10(power + 1e-3)
    least = max(levels.max() - QUIETER, np.quantile(levels, QUIET) + NEAR)
    loud = np.flatnonzero(levels >= least)
    if not len(loud):
        return pcm
    size, margin = int(FRAME * sample_rate), int(MARGIN * sample_rate)
    return pcm[max(0, loud[0] * size - margin) : (loud[-1] + 1) * size + margin]
