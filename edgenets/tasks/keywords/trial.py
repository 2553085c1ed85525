"""How a network does on streams while it is trained: recall at few false accepts.

What it is tried on is made once: streams of the validation split without a word, and streams with
one. They are as training's are, of other voices and with other things said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.sound.features import TrainedInput, frames_of_many
from edgenets.tasks.keywords.decoding import means, softmax
from edgenets.tasks.keywords.listening import Listened
from edgenets.tasks.keywords.mixture import Material, MixtureBatches
from edgenets.tasks.keywords.recipe import KeywordRecipe
from edgenets.tasks.keywords.spec import KeywordSpec

if TYPE_CHECKING:
    import keras

# Recall is the mean of those at so many false accepts in the whole trial: one alone leaves it to
# chance.
COUNTS = (0, 1, 2, 5)

# Streams with a word, a word.
WORD_STREAMS = 60

# Two accepts nearer than this are one, s.
APART = 0.8

BATCH = 64


@dataclass(frozen=True)
class Trial:
    """What a network is tried on."""

    negatives: NDArray[np.float32]  # (streams, frames, bands)
    positives: NDArray[np.float32]  # (streams, frames, bands)
    words: tuple[int, ...]  # the label of each of these
    hours: float  # of negatives, or that these were chosen from


def trial(
    material: Material, features: TrainedInput, recipe: KeywordRecipe, split_seed: int
) -> Trial:
    """Make what a network is tried on."""

    def made(of: Material, negatives: float, count: int) -> NDArray[np.float32]:
        listening = replace(recipe.listening, negatives=negatives)
        return streams(of, features, replace(recipe, listening=listening), split_seed, count)

    positives = [
        made(replace(material, words=(word,)), 0.0, WORD_STREAMS) for word in material.words
    ]
    labels = [label for label, _ in material.words for _ in range(WORD_STREAMS)]
    count = recipe.listening.trial
    hours = count * recipe.listening.seconds / 3600
    negatives = made(material, 1.0, count)
    return Trial(negatives, np.concatenate(positives), tuple(labels), hours)


def streams(
    material: Material, features: TrainedInput, recipe: KeywordRecipe, seed: int, count: int
) -> NDArray[np.float32]:
    """Streams as a microphone takes them up, (streams, frames, bands)."""
    plain = replace(
        recipe.augment, speed=0.0, band_shift=0, equalizer=0.0, time_masks=0, band_masks=0
    )
    per_step = recipe.model.frames_per_step
    made = MixtureBatches(material, features, recipe.listening, plain, (1, per_step), seed)
    rng = np.random.default_rng((seed, 3))
    sounds = np.stack([made.stream(rng)[0] for _ in range(count)])
    every = frames_of_many(sounds, features)
    return every[:, : every.shape[1] - every.shape[1] % per_step]


def listened(model: keras.Model, on: Trial, spec: KeywordSpec) -> Listened:
    """What a network answers in a trial."""
    negatives = model.predict(on.negatives, batch_size=BATCH, verbose=0)
    positives = model.predict(on.positives, batch_size=BATCH, verbose=0)
    words = tuple(
        (spec.labels[label], scores) for label, scores in zip(on.words, positives, strict=True)
    )
    joined = negatives.reshape(-1, negatives.shape[-1])
    return Listened(spec, joined, ((0, Path("trial")),), on.hours, words)


def hardest(on: Trial, heard: Listened, count: int) -> Trial:
    """Of the streams without a word, only those in which one is likeliest; they stand for all."""
    by_step = heard.likely(heard.spec.decoding.smoothing)[0]
    likely = by_step.reshape(len(on.negatives), -1).max(axis=1)
    return replace(on, negatives=on.negatives[np.sort(np.argsort(-likely)[:count])])


def recall(heard: Listened) -> float:
    """The mean recall at COUNTS false accepts, by the smoothing of the spec."""
    spec, smoothing = heard.spec, heard.spec.decoding.smoothing
    wrong = heard.likely(smoothing)[0]
    own = [(spec.labels.index(label), scores) for label, scores in heard.words]
    right = np.array([means(softmax(scores), smoothing)[:, n].max() for n, scores in own])
    peaks = _peaks(wrong, int(APART / spec.step_seconds), max(COUNTS) + 1)
    return float(np.mean([np.mean(right > peaks[count]) for count in COUNTS]))


def _peaks(scores: NDArray[np.float32], apart: int, count: int) -> list[float]:
    """The highest scores that lie so many steps apart, in order."""
    left, found = scores.copy(), []
    for _ in range(count):
        at = int(left.argmax())
        found.append(float(left[at]))
        left[max(0, at - apart) : at + apart] = 0.0
    return found
