"""Training of networks that hear sound events; what they are verified on; their card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets import models
from edgenets.data.split import Split
from edgenets.extras import require
from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.sound.audio import float_to_pcm16
from edgenets.sound.features import TrainedInput
from edgenets.stepspec import StepSpec
from edgenets.tasks.keywords.clips import ClipSet
from edgenets.tasks.keywords.dataset import features_for
from edgenets.tasks.sound import trained_input_of
from edgenets.tasks.sounds import recordings
from edgenets.tasks.sounds.decoding import decide_clips
from edgenets.tasks.sounds.recipe import SoundsRecipe
from edgenets.tasks.sounds.spec import SoundsSpec
from edgenets.tasks.sounds.streams import EventStreams, clip_frames
from edgenets.tasks.task import Samples, Trained
from edgenets.training import figures
from edgenets.training.doubts import doubts_of
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras

# Clips that are evaluated at once.
BATCH = 64

# Streams by which features are normalized, and artifacts calibrated.
STATISTICS_STREAMS = 200


def train_sounds(recipe: SoundsRecipe, data: Path, out: Path, progress: Progress) -> Trained:
    """See `edgenets.training.train.train`; also draws `curves.png` and `confusion.png`."""
    train, validation, test = (
        recordings.load(recipe, data, split, progress) for split in ("train", "validation", "test")
    )
    features = _features(recipe, train)
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
        batches=EventStreams(train, features, recipe),
        loss=require("keras").losses.BinaryCrossentropy(
            from_logits=True, label_smoothing=recipe.schedule.label_smoothing
        ),
        judge=lambda model: _accuracy(_decided(model, held, spec), validation.clips),
        schedule=recipe.schedule,
        seed=recipe.seed,
        start=recipe.start,
    )
    trainer = Trainer(job, out, progress)
    trainer.fit()
    trainer.curves("validation accuracy, %")
    found = {
        split: _figures(trainer.model, of.clips, spec)
        for split, of in (("validation", validation), ("test", test))
    }
    shown = found["test" if len(test.clips) else "validation"]
    figures.confusion(np.array(shown["confusion"]), spec.labels, out / "confusion.png")
    measured = [(split, of) for split, of in found.items() if of["clips"]]
    doubts = [doubt for s, of in measured for doubt in doubts_of(of, spec.labels, s, "clips")]
    for doubt in doubts:
        progress.say(doubt)
    metrics: Json = {
        "parameters": int(trainer.model.count_params()),
        "metric": "accuracy",
        "doubts": doubts,
        "train": train.clips.counts(),
        **found,
    }
    return Trained(trainer.model, spec, metrics)


def _features(recipe: SoundsRecipe, train: recordings.Recordings) -> TrainedInput:
    """The recipe's features, with the mean and deviation of its streams."""
    raw = EventStreams(train, recipe.features, recipe)

    def sounds() -> list[NDArray[np.int16]]:
        rng = np.random.default_rng((recipe.seed, 5))
        return [float_to_pcm16(raw.stream(rng)[0]) for _ in range(STATISTICS_STREAMS)]

    return features_for(recipe, sounds)


def _decided(
    model: keras.Model, frames: NDArray[np.float32], spec: SoundsSpec
) -> NDArray[np.int64]:
    """The label number of each of (clips, frames, bands), (clips,)."""
    scores = model.predict(frames, batch_size=BATCH, verbose=0)
    return decide_clips(scores, spec.decoding, spec.labels)


def _accuracy(decided: NDArray[np.int64], clips: ClipSet) -> float:
    return float(np.mean(decided == clips.targets))


def _figures(model: keras.Model, clips: ClipSet, spec: SoundsSpec) -> Json:
    """Accuracy and confusion of the float model on one split."""
    if not len(clips):
        return {"clips": 0}
    decided = _decided(model, clip_frames(clips, trained_input_of(spec), spec.step.frames), spec)
    matrix = figures.confusion_matrix(clips.targets, decided, len(spec.labels))
    return {
        "accuracy": _accuracy(decided, clips),
        "clips": len(clips),
        "confusion": matrix.tolist(),
    }


def calibration(run: Run, data: Path, progress: Progress) -> NDArray[np.float32]:
    """See `SequenceTask.calibration`: streams as training has them."""
    recipe = run.recipe_as(SoundsRecipe)
    train = recordings.load(recipe, data, "train", progress)
    made = EventStreams(train, trained_input_of(run.spec_as(SoundsSpec)), recipe)
    count = -(-min(recipe.quantize.samples, recipe.mixing.streams) // made.size)
    inputs = [made.batch(0, number).inputs for number in range(count)]
    return np.concatenate([np.asarray(one, np.float32) for one in inputs])


def verification(run: Run, data: Path, progress: Progress) -> Samples:
    """See `SequenceTask.samples`: streams of the validation split, each around one clip of it."""
    recipe, spec = run.recipe_as(SoundsRecipe), run.spec_as(SoundsSpec)
    return Samples(*_views(recipe, spec, data, "validation", progress))


def _views(
    recipe: SoundsRecipe, spec: SoundsSpec, data: Path, split: Split, progress: Progress
) -> tuple[NDArray[np.float32], list[int]]:
    """(clips, frames, bands) of a split, and the label of each."""
    clips = recordings.load(recipe, data, split, progress).clips
    return clip_frames(clips, trained_input_of(spec), spec.step.frames), clips.targets.tolist()


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
