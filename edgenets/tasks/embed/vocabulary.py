"""What an embedding of speech is learned from: some hundred words, said by many voices.

Half of them are synthesized by each engine. Recordings of people, where the data has any of words,
count among them, and what a device hears all day is kept for words that are learned later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets import models
from edgenets.data.split import Split
from edgenets.progress import Progress
from edgenets.sound.features import TrainedInput
from edgenets.tasks.embed.spec import EmbedRecipe
from edgenets.tasks.keywords import dataset, running
from edgenets.tasks.keywords.material import recordings_of, word_of
from edgenets.tasks.keywords.mixture import Material
from edgenets.tasks.keywords.natural import NaturalVoice
from edgenets.tasks.keywords.noises import noises
from edgenets.tasks.keywords.recipe import ListeningRecipe
from edgenets.tasks.keywords.running import Pcm
from edgenets.tasks.keywords.succession import SuccessionBatches
from edgenets.tasks.keywords.training import features_by_streams, loss_of
from edgenets.tasks.keywords.trial import streams
from edgenets.tasks.keywords.voice import Voice
from edgenets.tasks.keywords.words import COMMON, FUNCTION, SILENCE, UNKNOWN
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras

# Recordings of each word in training, for one by which checkpoints are judged.
VALIDATION_PART = 10
VALIDATION_STREAMS = 256

# How often a word is drawn that the data has recordings of, beside one that it has not.
RECORDED = 6

# Phonemes of the shortest words: others are hardly heard as words.
SHORTEST = 2

# What is said at once in the background of training; streams of what a device hears all day.
CHATTER, CHATTER_WORDS = 400, 10
SENTENCES, BACKGROUND_STREAMS, BACKGROUND_SEED = 600, 160, 2000

BATCH = 64


def train_classifier(
    recipe: EmbedRecipe, data: Path, out: Path, progress: Progress
) -> tuple[keras.Model, TrainedInput, NDArray[np.float32]]:
    """A network that tells the words apart.

    Returns:
        the classifier, its features, and streams of what is no word of a user's, as it takes them:
        (streams, frames, bands).

    Raises:
        DataError: the data cannot be used.
        MissingExtra: espeak-ng or hibari is not installed or does not load.
    """
    texts = _texts()
    train, validation = (
        _material(recipe, texts, data, split, progress) for split in ("train", "validation")
    )
    listening = ListeningRecipe(recipe.vocabulary.streams, recipe.vocabulary.seconds)
    shape = (recipe.schedule.batch, recipe.model.frames_per_step)

    def batches(of: Material, features: TrainedInput) -> SuccessionBatches:
        return SuccessionBatches(of, features, listening, recipe.augment, shape, recipe.seed)

    features = features_by_streams(recipe, batches(train, recipe.features))
    job = Job(
        build=lambda: models.build(recipe.model, features.bands, len(train.labels)),
        batches=batches(train, features),
        loss=loss_of(recipe.schedule),
        judge=_Judge(batches(validation, features)),
        schedule=recipe.schedule,
        seed=recipe.seed,
        start=recipe.start,
    )
    trainer = Trainer(job, out, progress)
    trainer.fit()
    trainer.curves("words of validation streams that are known, %")
    return trainer.model, features, _background(recipe, train, features)


class _Judge:
    """The share of steps at which the word is known that has just ended."""

    def __init__(self, batches: SuccessionBatches) -> None:
        made = [batches.batch(0, n) for n in range(-(-VALIDATION_STREAMS // batches.size))]
        self._inputs = np.concatenate([batch.inputs for batch in made])
        self._asked = np.concatenate([batch.targets.argmax(-1) for batch in made])
        self._counts = np.concatenate([batch.weights for batch in made]) == 1.0

    def __call__(self, model: keras.Model) -> float:
        found = model.predict(self._inputs, batch_size=BATCH, verbose=0).argmax(axis=-1)
        return float(np.mean((found == self._asked)[self._counts]))


def _texts() -> list[str]:
    """Words that differ in their phonemes, and that both engines can say."""
    every = list(dict.fromkeys([*COMMON, *FUNCTION]))
    known: dict[tuple[str, ...], str] = {}
    natural = NaturalVoice.mnemonics(every)
    for text, spelled, sayable in zip(every, Voice.mnemonics(every), natural, strict=True):
        if sayable and len(spelled) >= SHORTEST:
            known.setdefault(running.unstressed(spelled), text)
    return list(known.values())


def _material(
    recipe: EmbedRecipe, texts: Sequence[str], data: Path, split: Split, progress: Progress
) -> Material:
    """What streams of a split are made of; labels are the texts, and silence."""
    rate, labels = recipe.features.sample_rate, (*texts, SILENCE)
    part = 1 if split == "train" else VALIDATION_PART
    count = max(1, recipe.vocabulary.recordings // part)
    words: list[tuple[int, tuple[Pcm, ...]]] = [*_said(recipe, texts, split, count, progress)]
    recorded, quiet = _recorded(recipe, texts, data, split, progress)
    words += [one for one in recorded for _ in range(RECORDED)]
    rng = np.random.default_rng(recipe.seed)
    chatter = [_chatter(rng, words) for _ in range(CHATTER)]
    bank = noises(chatter, quiet, int(recipe.vocabulary.seconds * rate), rate)
    silence = len(texts)
    return Material(labels, tuple(words), (tuple(chatter),), bank, silence, silence)


def _said(
    recipe: EmbedRecipe, texts: Sequence[str], split: Split, count: int, progress: Progress
) -> list[tuple[int, tuple[Pcm, ...]]]:
    """Each text by so many voices of a split."""
    rate, seed = recipe.features.sample_rate, recipe.seed + running.SEEDS[split]
    cast = running.cast_of(split, recipe.data.shares, seed)
    rng = np.random.default_rng((seed, 13))
    # One speaker after another, of either engine, so that each word is said by both.
    jobs = [(text, cast[int(rng.integers(len(cast)))]) for text in texts for _ in range(count)]
    found: list[list[Pcm]] = [[] for _ in texts]
    with progress.task(f"speaking for {split}") as task:
        for done, pcm in enumerate(running.said(jobs, rate)):
            found[done // count].append(word_of(pcm, rate))
            task.update(done + 1, len(jobs))
    return [(number, tuple(recordings)) for number, recordings in enumerate(found)]


def _recorded(
    recipe: EmbedRecipe, texts: Sequence[str], data: Path, split: Split, progress: Progress
) -> tuple[list[tuple[int, tuple[Pcm, ...]]], list[Pcm]]:
    """Recordings of the texts, by any spelling, and such in which nobody speaks."""
    clips = dataset.load_split(recipe.classifier(), data, split, progress)
    by_sound = {
        running.unstressed(spelled): number for number, spelled in enumerate(Voice.mnemonics(texts))
    }
    spoken = [label.replace("_", " ") for label in clips.labels]
    spelled = [running.unstressed(one) for one in Voice.mnemonics(spoken)]
    known = {
        by_sound[sound]: recordings_of(clips, number)
        for number, sound in enumerate(spelled)
        if clips.labels[number] not in (SILENCE, UNKNOWN) and sound in by_sound
    }
    words = [(number, tuple(recordings)) for number, recordings in known.items() if recordings]
    quiet = recordings_of(clips, clips.labels.index(SILENCE)) if SILENCE in clips.labels else []
    return words, quiet


def _chatter(rng: np.random.Generator, words: Sequence[tuple[int, tuple[Pcm, ...]]]) -> Pcm:
    """Words without any meaning, one after another."""
    chosen = [words[int(rng.integers(len(words)))][1] for _ in range(CHATTER_WORDS)]
    return np.concatenate([every[int(rng.integers(len(every)))] for every in chosen])


def _background(
    recipe: EmbedRecipe, material: Material, features: TrainedInput
) -> NDArray[np.float32]:
    """What a device hears all day: sentences, single words, noise, (streams, frames, bands)."""
    rate, seed = features.sample_rate, recipe.seed + BACKGROUND_SEED
    cast = running.cast_of("train", recipe.data.shares, seed)
    sentences = tuple(running.sentences((), SENTENCES, cast, seed, rate))
    texts = len(material.labels) - 1
    kinds = (material.words[:texts], material.words[texts:])
    words = [tuple(pcm for _, every in kind for pcm in every) for kind in kinds]
    spoken = replace(material, speech=(sentences, *filter(None, words)))
    listening = ListeningRecipe(1, recipe.vocabulary.seconds, negatives=1.0)
    classifier = replace(recipe.classifier(), listening=listening)
    return streams(spoken, features, classifier, seed, BACKGROUND_STREAMS)
