"""`evaluate`: the task's metric, through the very pipeline that a device runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.progress import Progress
from edgenets.sound.audio import pcm16_to_float
from edgenets.tasks.keywords.augment import fit
from edgenets.tasks.keywords.clips import Clip, load_clips
from edgenets.tasks.keywords.pipeline import Listener
from edgenets.tasks.keywords.spec import KeywordSpec


@dataclass(frozen=True)
class Evaluation:
    """Accuracy over labelled clips."""

    metric: str
    value: float  # 0…1
    n: int  # clips
    backend: str
    precision: str
    runs_on: str
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]  # row the truth, column the decision


def evaluate(
    spec: KeywordSpec, session: Session, clips: Sequence[Clip], *, backend: str,
    clip_seconds: float | None = None, progress: Progress | None = None,
) -> Evaluation:  # fmt: skip
    """Stream every clip from a reset state and take the decision at its end.

    Args:
        clips: labelled by labels of the model.
        backend: name of it, for the record.
        clip_seconds: cut or pad clips to this length, as training did.

    Raises:
        DataError: a recording cannot be read.
    """
    progress = progress or Progress()
    rate = spec.input.sample_rate
    with progress.task("reading") as task:
        sounds = load_clips(clips, spec.labels, rate, task.update)
    listener = Listener(spec, session)
    decided = np.empty(len(sounds), np.int64)
    with progress.task("evaluating") as task:
        for i, pcm in enumerate(sounds.sounds):
            sound = pcm16_to_float(pcm)
            if clip_seconds is not None:
                sound = fit(sound, int(clip_seconds * rate))
            listener.reset()
            listener.push(sound)
            decided[i] = listener.posterior.argmax()
            task.update(i + 1, len(sounds))
    matrix = _confusion(sounds.targets, decided, len(spec.labels))
    return Evaluation(
        "accuracy", float(np.mean(decided == sounds.targets)), len(sounds), backend,
        session.artefact.precision, session.runs_on, spec.labels,
        tuple(tuple(int(n) for n in row) for row in matrix),
    )  # fmt: skip


def _confusion(
    targets: NDArray[np.int64], decided: NDArray[np.int64], labels: int
) -> NDArray[np.int64]:
    matrix = np.zeros((labels, labels), np.int64)
    np.add.at(matrix, (targets, decided), 1)
    return matrix
