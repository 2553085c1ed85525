"""One sound a clip: accuracy, through the very pipeline that a device runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.data.split import Split
from edgenets.progress import Progress
from edgenets.sound.audio import pcm16_to_float
from edgenets.spec import spec_as
from edgenets.tasks.evaluation import Evaluation, confusion_of, rows_by_label, some
from edgenets.tasks.keywords.clips import load_clips
from edgenets.tasks.keywords.listening import Recorder
from edgenets.tasks.sounds.decoding import decide_clips
from edgenets.tasks.sounds.recordings import find
from edgenets.tasks.sounds.spec import SoundsSpec


def measure(
    bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
) -> Evaluation:
    """See `Task.evaluate`."""
    spec = spec_as(bundle.spec, SoundsSpec)
    clips, _ = find(data, spec.labels, split, spec.split)
    chosen, rate = some(clips, data, split), spec.input.sample_rate
    with progress.task("reading") as task:
        sounds = load_clips(chosen, spec.labels, rate, task.update)
    recorder, decided = Recorder(spec, session), np.empty(len(sounds), np.int64)
    with progress.task("evaluating") as task:
        for i, pcm in enumerate(sounds.sounds):
            recorder.reset()
            recorder.push(pcm16_to_float(pcm))
            recorder.settle()
            decided[i] = decide_clips(recorder.taken(), spec.decoding, spec.labels)
            task.update(i + 1, len(sounds))
    value = float(np.mean(decided == sounds.targets))
    confusion = confusion_of(sounds.targets, decided, len(spec.labels))
    return Evaluation(
        "accuracy",
        value,
        len(sounds),
        f"accuracy {value:.2%} of {len(sounds)} clips",
        {"accuracy": value, "n": len(sounds), "labels": spec.labels, "confusion": confusion},
        ("label", "clips", "right", "share"),
        rows_by_label(spec.labels, confusion),
    )
