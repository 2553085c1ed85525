"""Folders of recordings of sounds, of any length, and how they are divided."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenets.data.split import Split, SplitShares
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.tasks.keywords.clips import Clip, ClipSet, find_clips, load_clips, of_split
from edgenets.tasks.sounds.recipe import SoundsRecipe

# Folders in which nothing is to be heard that the model tells of.
NOTHING = frozenset({"_background_", "_silence_", "background", "nothing", "other", "silence"})

# ESC-50 names several takes of one recording FOLD-RECORDING-TAKE, where the take is a letter.
_TAKE = re.compile(r"-[A-Z](-\d+)?$")


@dataclass(frozen=True)
class Recordings:
    """The recordings of one split, in memory."""

    clips: ClipSet
    nothing: ClipSet  # those in which no label is to be heard


def group_of(clip: Clip) -> str:
    """What must not be divided between splits: all takes of a recording."""
    return _TAKE.sub("", clip.path.stem)


def find(
    root: Path, labels: Sequence[str] | None, split: Split | None, shares: SplitShares
) -> tuple[list[Clip], list[Clip]]:
    """The recordings of a split, of labels and of nothing.

    Args:
        labels: see `SoundsDataRecipe.labels`.
        split: None: all.
        shares: see `of_split`.

    Raises:
        DataError: the folder, a label's folder or its recordings are missing.
    """
    every = find_clips(root)
    if missing := set(labels or ()) - {clip.label for clip in every}:
        raise DataError(f"{root}: no folder for the label(s) {', '.join(sorted(missing))}")
    wanted = set(labels or {clip.label for clip in every} - NOTHING)
    chosen = of_split(every, split, shares, group_of)
    nothing = NOTHING - wanted
    return [c for c in chosen if c.label in wanted], [c for c in chosen if c.label in nothing]


def load(recipe: SoundsRecipe, data: Path, split: Split, progress: Progress) -> Recordings:
    """Read a split.

    Raises:
        DataError: there is no data, it cannot be read, or a label is not in the split.
    """
    shares = recipe.data.shares
    clips, nothing = find(data, recipe.data.labels, split, shares)
    labels = labels_of(recipe, data)
    if split == "test" and not shares.test:
        clips = nothing = []
    elif missing := set(labels) - {clip.label for clip in clips}:
        raise DataError(
            f"{data}: the {split} split has no recordings of {', '.join(sorted(missing))}; every "
            f"label needs three at least, of different origin"
        )
    rate = recipe.features.sample_rate
    with progress.task(f"reading {split}") as task:
        found = load_clips(clips, labels, rate, task.update)
    others = tuple(sorted({clip.label for clip in nothing}))
    return Recordings(found, load_clips(nothing, others, rate))


def labels_of(recipe: SoundsRecipe, data: Path) -> tuple[str, ...]:
    """The labels of a training."""
    every = {clip.label for clip in find_clips(data)} - NOTHING
    return recipe.data.labels or tuple(sorted(every))
