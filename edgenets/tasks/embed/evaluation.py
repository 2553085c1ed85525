"""Nearest-neighbor accuracy over clips, through the very pipeline that a device runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.sound.audio import pcm16_to_float
from edgenets.spec import spec_as
from edgenets.tasks.embed.metric import Neighbors, nearest, neighbor_accuracy
from edgenets.tasks.embed.pipeline import Embedder
from edgenets.tasks.embed.spec import EmbedSpec
from edgenets.tasks.evaluation import Evaluation, confusion_of, rows_by_label, some
from edgenets.tasks.keywords.clips import find_clips, load_clips, of_split


def measure(
    bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
) -> Evaluation:
    """See `Task.evaluate`: every clip against all others."""
    spec = spec_as(bundle.spec, EmbedSpec)
    clips = some(of_split(find_clips(data), split, spec.split), data, split)
    if len(clips) < 2:
        raise DataError(f"{data}: one clip has no neighbor; two at least are needed")
    labels = tuple(sorted({clip.label for clip in clips}))
    with progress.task("reading") as task:
        sounds = load_clips(clips, labels, spec.input.sample_rate, task.update)
    embedder, found = Embedder(spec, session), np.empty((len(sounds), spec.size), np.float32)
    with progress.task("evaluating") as task:
        for i, pcm in enumerate(sounds.sounds):
            embedder.reset()
            embedder.push(pcm16_to_float(pcm))
            embedder.settle()
            found[i] = embedder.posterior
            task.update(i + 1, len(sounds))
    value = neighbor_accuracy(found, sounds.targets.tolist())
    confusion = confusion_of(sounds.targets, sounds.targets[nearest(found)], len(labels))
    figures = {Neighbors.metric: value, "n": len(sounds), "labels": labels, "confusion": confusion}
    return Evaluation(
        Neighbors.metric, value, len(sounds),
        f"{Neighbors.metric} {value:.2%} of {len(sounds)} clips", figures,
        ("label", "clips", "right", "share"), rows_by_label(labels, confusion),
    )  # fmt: skip
