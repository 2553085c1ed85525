"""Models that spot words, along the road."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import Split
from edgenets.errors import ModelError
from edgenets.progress import Progress
from edgenets.recipe import Recipe
from edgenets.runs import Run
from edgenets.spec import AudioInput, SoundSpec
from edgenets.tasks.keywords import dataset

from .golden import GoldenSound, sound_spec
from .stepfamily import StepFamily
from .verdicts import Report
from .verify import Samples


class Keywords(StepFamily, GoldenSound):
    """See `Family`."""

    def clips(self, run: Run, data: Path, progress: Progress) -> NDArray[np.float32]:
        """See `StepFamily.clips`."""
        clips, _ = clips_of(run, data, "train", progress)
        return clips

    def samples(self, run: Run, data: Path, progress: Progress) -> Samples:
        """See `StepFamily.samples`."""
        gate = run.recipe_as(Recipe).gate
        return Samples(*clips_of(run, data, "validation", progress, gate.clips))

    def card(self, run: Run, report: Report) -> list[str]:
        """See `Family.card`."""
        metrics, spec, recipe = run.metrics, sound_spec(run.spec), run.recipe_as(Recipe)
        test, train, features = metrics["test"], metrics["train"], spec.input
        return [
            f"- **Task**: keyword spotting, {len(spec.labels)} classes. "
            f"Words: {', '.join(spec.told)}.",
            f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a "
            f"step every {1e3 * spec.step_seconds:.0f} ms.",
            f"- **Input**: mono sound at {features.sample_rate:,} Hz; {features.bands} log-mel "
            f"bands, window {1e3 * features.window / features.sample_rate:.0f} ms, "
            f"hop {1e3 * features.frame_seconds:.0f} ms.",
            f"- **Data**: {sum(train.values()):,} training clips; split by speaker. "
            f"{recipe.bundle.data_licence}",
            f"- **Figures**: float Keras model: {test['accuracy']:.2%} on {test['clips']} test "
            f"clips of speakers that training never heard, "
            f"{metrics['validation']['accuracy']:.2%} on {metrics['validation']['clips']} "
            f"validation clips. Artefacts below: streaming, on the validation clips.",
            "- **Limits**: words in other languages and accents, far-field sound and music were "
            "not measured. The thresholds are a starting point: set them on recordings of the "
            "place of use.",
        ]


def clips_of(
    run: Run, data: Path, split: Split, progress: Progress, at_least: int = 0
) -> tuple[NDArray[np.float32], list[int]]:
    """(clips, frames, bands) of a split, and what each is."""
    recipe = run.recipe_as(Recipe)
    clips = dataset.load_split(recipe, data, split, progress)
    clips = dataset.views(clips, -(-at_least // len(clips)), recipe.seed)
    features = dataset.features_of(clips, _audio(sound_spec(run.spec)), recipe.data.clip_seconds)
    return features, clips.targets.tolist()


def _audio(spec: SoundSpec) -> AudioInput:
    if not isinstance(spec.input, AudioInput):
        raise ModelError(f"{spec.name}: takes {spec.input.kind} features, which no training makes")
    return spec.input
