"""Training of networks that hear sound events; what they are verified on; their card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets import models
from edgenets.extras import require
from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.stepspec import StepSpec
from edgenets.tasks.keywords.clips import ClipSet
from edgenets.tasks.keywords.training import accuracy, features_by_streams, judged
from edgenets.tasks.sound import trained_input_of
from edgenets.tasks.sounds import recordings
from edgenets.tasks.sounds.decoding import decide_clips
from edgenets.tasks.sounds.recipe import SoundsRecipe
from edgenets.tasks.sounds.spec import SoundsSpec
from edgenets.tasks.sounds.streams import EventStreams, clip_frames
from edgenets.tasks.task import Samples, Trained
from edgenets.training import figures
from edgenets.training.doubts import doubted
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras

# Clips that are evaluated at once.
BATCH = 64


def train_sounds(recipe: SoundsRecipe, data: Path, out: Path, progress: Progress) -> Trained:
    """See `edgenets.training.train.train`; also draws `curves.png` and `confusion.png`."""
    train, validation, test = (
        recordings.load(recipe, data, split, progress) for split in ("train", "validation", "test")
    )
    raw = EventStreams(train, recipe.features, recipe)
    features = features_by_streams(recipe, raw)
    spec = SoundsSpec(
        recipe.name,
        "sounds",
        train.clips.labels,
        features,
        recipe.decoding,
        StepSpec(frames=recipe.model.frames_per_step),
        recipe.data.shares,
    )
    held = clip_frames(validation.clips, features, spec.step.frames)
    job = Job(
        build=lambda: models.build(recipe.model, features.bands, len(spec.labels)),
        batches=raw.taking(features),
        loss=require("keras").losses.BinaryCrossentropy(
            from_logits=True, label_smoothing=recipe.schedule.label_smoothing
        ),
        judge=lambda model: accuracy(_decided(model, held, spec), validation.clips),
        schedule=recipe.schedule,
        seed=recipe.seed,
        start=recipe.start,
    )
    trainer = Trainer(job, out, progress)
    trainer.fit()
    trainer.curves("validation accuracy, %")
    found = {
        "validation": judged(_decided(trainer.model, held, spec), validation.clips),
        "test": _figures(trainer.model, test.clips, spec),
    }
    shown = found["test" if len(test.clips) else "validation"]
    figures.confusion(np.array(shown["confusion"]), spec.labels, out / "confusion.png")
    doubts = doubted(found, spec.labels, progress)
    metrics: Json = {
        "parameters": int(trainer.model.count_params()),
        "metric": "accuracy",
        "doubts": doubts,
        "train": train.clips.counts(),
        **found,
    }
    return Trained(trainer.model, spec, metrics)


def _decided(
    model: keras.Model, frames: NDArray[np.float32], spec: SoundsSpec
) -> NDArray[np.int64]:
    """The label number of each of (clips, frames, bands), (clips,)."""
    scores = model.predict(frames, batch_size=BATCH, verbose=0)
    return decide_clips(scores, spec.decoding, spec.labels)


def _figures(model: keras.Model, clips: ClipSet, spec: SoundsSpec) -> Json:
    """Accuracy and confusion of the float model on one split."""
    if not len(clips):
        return {"clips": 0}
    frames = clip_frames(clips, trained_input_of(spec), spec.step.frames)
    return judged(_decided(model, frames, spec), clips)


def calibration(run: Run, data: Path, progress: Progress) -> NDArray[np.float32]:
    """See `SequenceTask.calibration`: streams as training has them."""
    recipe = run.recipe_as(SoundsRecipe)
    train = recordings.load(recipe, data, "train", progress)
    made = EventStreams(train, trained_input_of(run.spec_as(SoundsSpec)), recipe)
    count = -(-min(recipe.quantize.samples, recipe.mixing.streams) // made.size)
    inputs = [made.batch(0, number).inputs for number in range(count)]
    return np.concatenate([np.asarray(one, np.float32) for one in inputs])


def verification(run: Run, data: Path, progress: Progress) -> Samples:
    """See `SequenceTask.samples`: the clips of the validation split."""
    recipe, spec = run.recipe_as(SoundsRecipe), run.spec_as(SoundsSpec)
    clips = recordings.load(recipe, data, "validation", progress).clips
    frames = clip_frames(clips, trained_input_of(spec), spec.step.frames)
    return Samples(frames, clips.targets.tolist())


def card(run: Run, items: int) -> list[str]:
    """See `Task.card`."""
    metrics, spec, recipe = run.metrics, run.spec_as(SoundsSpec), run.recipe_as(SoundsRecipe)
    features, judged = spec.input, [(s, metrics[s]) for s in ("test", "validation")]
    shown = [f"{of['accuracy']:.2%} on {of['clips']} {s} clips" for s, of in judged if of["clips"]]
    return [
        f"- **Task**: sound events, {len(spec.labels)} classes, several at once: "
        f"{', '.join(spec.reported)}.",
        f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a "
        f"step every {1e3 * spec.step_seconds:.0f} ms, decided by the mean of "
        f"{spec.decoding.smoothing * spec.step_seconds:.1f} s.",
        f"- **Input**: mono sound at {features.sample_rate:,} Hz; {features.bands} log-mel bands.",
        f"- **Data**: {sum(metrics['train'].values()):,} training clips; split by recording. "
        f"{recipe.bundle.data_licence}",
        f"- **Figures**: float Keras model: {', '.join(shown)}, of recordings that training never "
        f"heard.",
        *(f"- **Doubt**: {doubt}." for doubt in metrics.get("doubts", ())),
        "- **Limits**: other sounds than these were not measured. The thresholds are a starting "
        "point: `edgenets calibrate` sets them by recordings of the place of use.",
    ]
