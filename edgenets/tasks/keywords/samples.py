"""What keyword models are calibrated and verified on, and their card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import Split
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.tasks.keywords import dataset
from edgenets.tasks.keywords.kept import kept
from edgenets.tasks.keywords.metric import on_streams
from edgenets.tasks.keywords.recipe import KeywordRecipe
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.task import Samples


def calibration(run: Run, data: Path, progress: Progress) -> NDArray[np.float32]:
    """See `SequenceTask.calibration`."""
    if streams := kept(run.folder):
        return streams.calibration
    clips, _ = clips_of(run, data, "train", progress)
    return clips


def verification(run: Run, data: Path, progress: Progress) -> Samples:
    """See `SequenceTask.samples`."""
    gate = run.recipe_as(KeywordRecipe).gate
    if streams := kept(run.folder):
        return on_streams(streams, run.spec_as(KeywordSpec), gate)
    return Samples(*clips_of(run, data, "validation", progress, gate.samples))


def card(run: Run, items: int) -> list[str]:
    """See `Task.card`."""
    metrics, spec, recipe = run.metrics, run.spec_as(KeywordSpec), run.recipe_as(KeywordRecipe)
    train, features = metrics["train"], spec.input
    heard = run.heard(run.judged)
    judged = [(split, metrics[split]) for split in ("test", "validation")]
    shown = [f"{of['accuracy']:.2%} on {of['clips']} {s} clips" for s, of in judged if of["clips"]]
    judged_on = "streams in noise, with words and without" if heard else "the validation clips"
    hours = metrics[run.judged].get("hours", 0)
    streams = (
        f"- **Streams**: {heard} in {hours:.1f} h of synthesized sentences in noise, by voices "
        f"that training never heard; words in noise and among other speech. How it does where it "
        f"is used, `edgenets eval --negatives` says."
    )
    return [
        f"- **Task**: keyword spotting, {len(spec.labels)} classes. "
        f"Words: {', '.join(spec.reported)}.",
        f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a "
        f"step every {1e3 * spec.step_seconds:.0f} ms.",
        f"- **Input**: mono sound at {features.sample_rate:,} Hz; {features.bands} log-mel "
        f"bands, window {1e3 * features.window / features.sample_rate:.0f} ms, "
        f"hop {1e3 * features.frame_seconds:.0f} ms.",
        f"- **Data**: {sum(train.values()):,} training clips; split by speaker. "
        f"{recipe.bundle.data_licence}",
        f"- **Figures**: float Keras model: {', '.join(shown)}, of speakers that training never "
        f"heard. Artifacts below: streaming, on {judged_on}.",
        *([streams] if heard else []),
        *(f"- **Doubt**: {doubt}." for doubt in metrics.get("doubts", ())),
        "- **Limits**: words in other languages and accents, far-field sound and music were "
        "not measured. The thresholds are a starting point: set them on recordings of the "
        "place of use.",
    ]


def clips_of(
    run: Run, data: Path, split: Split, progress: Progress, at_least: int = 0
) -> tuple[NDArray[np.float32], list[int]]:
    """(clips, frames, bands) of a split, and what each is."""
    recipe = run.recipe_as(KeywordRecipe)
    clips = dataset.load_split(recipe, data, split, progress)
    clips = dataset.views(clips, -(-at_least // len(clips)), recipe.seed)
    features = dataset.frames_of(clips, run.spec_as(KeywordSpec), recipe)
    return features, clips.targets.tolist()
