"""Accuracy over clips, through the very pipeline that a device runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgenets import records
from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.data.split import Split
from edgenets.progress import Progress
from edgenets.sound.audio import pcm16_to_float
from edgenets.spec import spec_as
from edgenets.tasks.evaluation import Evaluation, confusion_of, rows_by_label, some
from edgenets.tasks.keywords.augment import Sound, fit
from edgenets.tasks.keywords.clips import Clip, find_clips, load_clips, of_split
from edgenets.tasks.keywords.decoding import BEHIND, decide_clips
from edgenets.tasks.keywords.listening import Recorder
from edgenets.tasks.keywords.pipeline import KeywordDetector
from edgenets.tasks.keywords.spec import KeywordSpec


@dataclass(frozen=True)
class KeywordEvaluation:
    """Accuracy over labeled clips."""

    accuracy: float  # 0…1
    n: int  # clips
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]  # row the truth, column the decision


def evaluate(
    spec: KeywordSpec,
    session: Session,
    clips: Sequence[Clip],
    clip_seconds: float | None = None,
    progress: Progress | None = None,
) -> KeywordEvaluation:
    """Stream every clip from a reset state and take the decision at its end.

    Args:
        clips: labeled by labels of the model.
        clip_seconds: cut or pad clips to this length, as training did.

    Raises:
        DataError: a recording cannot be read.
    """
    progress = progress or Progress()
    rate = spec.input.sample_rate
    with progress.task("reading") as task:
        sounds = load_clips(clips, spec.labels, rate, task.update)
    decide = _by_peak(spec, session) if spec.decoding.clips == "peak" else _by_end(spec, session)
    decided = np.empty(len(sounds), np.int64)
    with progress.task("evaluating") as task:
        for i, pcm in enumerate(sounds.sounds):
            sound = pcm16_to_float(pcm)
            if clip_seconds is not None:
                sound = fit(sound, int(clip_seconds * rate))
            decided[i] = decide(sound)
            task.update(i + 1, len(sounds))
    return KeywordEvaluation(
        float(np.mean(decided == sounds.targets)),
        len(sounds),
        spec.labels,
        confusion_of(sounds.targets, decided, len(spec.labels)),
    )


def _by_end(spec: KeywordSpec, session: Session) -> Callable[[Sound], int]:
    detector = KeywordDetector(spec, session)

    def decide(sound: Sound) -> int:
        detector.reset()
        detector.push(sound)
        detector.settle()
        return int(detector.posterior.argmax())

    return decide


def _by_peak(spec: KeywordSpec, session: Session) -> Callable[[Sound], int]:
    recorder = Recorder(spec, session)
    behind = np.zeros(int(BEHIND * spec.input.sample_rate), np.float32)

    def decide(sound: Sound) -> int:
        recorder.reset()
        recorder.push(np.concatenate([sound, behind]))
        recorder.settle()
        return int(decide_clips(recorder.taken()[None], spec.decoding, spec.labels)[0])

    return decide


def measure(
    bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
) -> Evaluation:
    """See `Task.evaluate`."""
    spec = spec_as(bundle.spec, KeywordSpec)
    clips = of_split(find_clips(data, spec.labels), split, spec.split)
    found = evaluate(spec, session, some(clips, data, split), progress=progress)
    return Evaluation(
        "accuracy",
        found.accuracy,
        found.n,
        f"accuracy {found.accuracy:.2%} of {found.n} clips",
        records.to_plain(found),
        ("label", "clips", "right", "share"),
        rows_by_label(found.labels, found.confusion),
    )
