"""What training and verification read: the splits in memory, and their features."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.recipeparts import StartRecipe
from edgenets.sound.audio import float_to_pcm16, pcm16_to_float
from edgenets.sound.features import TrainedInput, extractor, frame_count
from edgenets.sound.input import AudioInput
from edgenets.tasks.keywords import augment
from edgenets.tasks.keywords.clips import ClipSet, find_clips, load_clips, of_split
from edgenets.tasks.keywords.decoding import BEHIND
from edgenets.tasks.keywords.recipe import KeywordRecipe
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.keywords.synthetic import CLIP_SECONDS, SHORT_CLIP, make_dataset
from edgenets.tasks.sound import trained_input_of

# What a view of a clip is moved by, and the noise that it is put into.
VIEW_SHIFT = 0.1  # s
VIEW_SNR = (5.0, 25.0)  # dB

# Longer recordings than nearly all are cut.
NEARLY_ALL = 0.98

# The statistics of the features settle long before this many clips.
STATISTICS_CLIPS = 1000


@dataclass(frozen=True)
class Splits:
    """The recordings of one recipe, divided by speaker."""

    train: ClipSet
    validation: ClipSet
    test: ClipSet


def load(recipe: KeywordRecipe, data: Path, progress: Progress, synthetic: Path) -> Splits:
    """Read all splits.

    Args:
        synthetic: folder for the words that the recipe has synthesized, if it has any.

    Raises:
        DataError: no data, or a split is left without a label.
    """
    train, validation, test = (
        load_split(recipe, data, split, progress) for split in ("train", "validation", "test")
    )
    if recipe.data.synthetic:
        train = _joined(train, _synthesised(recipe, train, synthetic, progress))
    return Splits(train, validation, test)


def _synthesised(recipe: KeywordRecipe, like: ClipSet, folder: Path, progress: Progress) -> ClipSet:
    """More clips of the same labels, synthesized."""
    words = [label for label in like.labels if label not in recipe.decoding.background]
    with progress.task("speaking") as task:
        make_dataset(
            words,
            folder,
            clips_per_word=recipe.data.synthetic,
            seed=recipe.seed,
            sample_rate=like.sample_rate,
            clip_seconds=recipe.data.clip_seconds or None,
            progress=task.update,
        )
    clips = [c for c in find_clips(folder) if c.label in like.labels]
    return load_clips(clips, like.labels, like.sample_rate)


def _joined(first: ClipSet, second: ClipSet) -> ClipSet:
    targets = np.concatenate((first.targets, second.targets))
    return ClipSet(first.sounds + second.sounds, targets, first.labels, first.sample_rate)


def load_split(recipe: KeywordRecipe, data: Path, split: Split, progress: Progress) -> ClipSet:
    """Read one split; errors as `load`."""
    clips = find_clips(data, recipe.data.labels)
    labels = recipe.data.labels or tuple(sorted({c.label for c in clips}))
    if len(labels) < 2:
        raise DataError(f"{data}: one label alone ({labels[0]}) leaves nothing to tell apart")
    if split == "test" and not recipe.data.test:
        return load_clips((), labels, recipe.features.sample_rate)
    chosen = of_split(clips, split, recipe.data.shares)
    missing = set(labels) - {c.label for c in chosen}
    if missing:
        raise DataError(
            f"{data}: the {split} split has no recordings of {', '.join(sorted(missing))}; "
            f"more speakers, or larger fractions in the recipe's [data], are needed"
        )
    with progress.task(f"reading {split}") as task:
        return load_clips(chosen, labels, recipe.features.sample_rate, task.update)


class Listens(Protocol):
    """A recipe of a network that listens."""

    @property
    def features(self) -> TrainedInput:
        """What it takes."""

    @property
    def start(self) -> StartRecipe:
        """What it goes on from."""

    @property
    def seed(self) -> int:
        """Of all that is drawn."""


def features_for(
    recipe: Listens,
    recordings: Callable[[], Sequence[NDArray[np.int16]]],
    enough: int = STATISTICS_CLIPS,
) -> TrainedInput:
    """A recipe's features with the mean and deviation of these recordings.

    A network that goes on from another one takes what that took, by its mean and deviation.

    Args:
        recordings: gives them, where they are needed.
        enough: of about so many of them, at equal distances.

    Raises:
        DataError: the recordings are all silent.
    """
    features = recipe.features
    if recipe.start.weights or not isinstance(features, AudioInput):
        return features
    sounds = recordings()
    raw = extractor(dataclasses.replace(features, mean=0.0, std=1.0))
    frames = []
    for sound in sounds[:: max(1, len(sounds) // enough)]:
        raw.reset()
        frames.append(raw.push(sound))
    every = np.concatenate(frames)
    if not every.std() > 0:
        raise DataError("the recordings are all silent: every frame of every clip is the same")
    # Rounded, so that the JSON of a spec stays readable; the figures need no more.
    return dataclasses.replace(
        features, mean=round(float(every.mean()), 4), std=round(float(every.std()), 4)
    )


def seconds_of(clips: ClipSet, wanted: float) -> float:
    """The length of clips, s, to which they are cut or padded.

    Args:
        wanted: 0: that of nearly all, and 1 s at least.
    """
    if wanted or not len(clips):
        return wanted or SHORT_CLIP
    longest = float(np.quantile([len(sound) for sound in clips.sounds], NEARLY_ALL))
    seconds = math.ceil(10 * longest / clips.sample_rate) / 10
    return min(max(SHORT_CLIP, seconds), CLIP_SECONDS[1])


def features_of(
    clips: ClipSet, features: TrainedInput, seconds: float, behind: float = 0.0
) -> NDArray[np.float32]:
    """The features of whole clips, cut or padded to one length: (clips, frames, bands) float32.

    Args:
        seconds: see `seconds_of`.
        behind: s of silence that follow.
    """
    fitted = int(seconds_of(clips, seconds) * features.sample_rate)
    length = fitted + int(behind * features.sample_rate)
    out = np.empty((len(clips), frame_count(length, features), features.bands), dtype=np.float32)
    log_mel = extractor(features)
    for row, sound in zip(out, clips.sounds, strict=True):
        log_mel.reset()
        clip = augment.fit(pcm16_to_float(sound), fitted)
        row[:] = log_mel.push(np.pad(clip, (0, length - fitted)))
    return out


def frames_of(clips: ClipSet, spec: KeywordSpec, recipe: KeywordRecipe) -> NDArray[np.float32]:
    """The features by which a model decides clips, (clips, frames, bands)."""
    behind = BEHIND if spec.decoding.clips == "peak" else 0.0
    return features_of(clips, trained_input_of(spec), recipe.data.clip_seconds, behind)


def views(clips: ClipSet, count: int, seed: int) -> ClipSet:
    """The clips as they are, then `count` − 1 times moved in time and in noise.

    A decision that is nearly a tie shows a quantization's errors best, and a small
    split has few of them: the same voices at other places and in other noise have more.
    """
    rng = np.random.default_rng((seed, 3))
    sounds = list(clips.sounds)
    for _ in range(1, count):
        for pcm in clips.sounds:
            sound = augment.fit(
                pcm16_to_float(pcm),
                len(pcm),
                int(rng.uniform(-VIEW_SHIFT, VIEW_SHIFT) * clips.sample_rate),
            )
            noise = augment.colored_noise(rng, len(sound))
            sounds.append(float_to_pcm16(augment.add_noise(sound, noise, rng.uniform(*VIEW_SNR))))
    targets = np.tile(clips.targets, max(1, count))
    return ClipSet(tuple(sounds), targets, clips.labels, clips.sample_rate)
