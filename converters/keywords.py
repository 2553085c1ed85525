"""Models that spot words, along the road."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.artefact import Format, Precision
from edgenets.data.split import Split
from edgenets.errors import ModelError
from edgenets.progress import Progress
from edgenets.recipe import Recipe
from edgenets.runs import Run
from edgenets.spec import AudioInput, SoundSpec
from edgenets.training import dataset

from .convert import convert
from .formats import Converted, Written, activation_type
from .golden import GoldenSound, sound_spec
from .verdicts import Report
from .verify import Samples, verify


class Keywords(GoldenSound):
    """See `Family`."""

    def convert(
        self, run: Run, data: Path | None, to: Sequence[Format], precisions: Sequence[Precision],
        progress: Progress,
    ) -> Converted:  # fmt: skip
        """See `Family.convert`."""
        clips = None
        if data is not None and any(activation_type(p) for p in precisions):
            clips, _ = clips_of(run, data, "train", progress)
        return convert(run.model(), clips, to, precisions, run.recipe_as(Recipe).quantize, progress)

    def verify(
        self, run: Run, written: Sequence[Written], missing: Sequence[str], data: Path,
        progress: Progress,
    ) -> Report:  # fmt: skip
        """See `Family.verify`."""
        gate = run.recipe_as(Recipe).gate
        samples = Samples(*clips_of(run, data, "validation", progress, gate.clips))
        spec = sound_spec(run.spec)
        return verify(run.model(), spec, written, samples, gate, tuple(missing), progress)

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
