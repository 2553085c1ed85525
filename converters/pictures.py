"""Models of pictures, along the road."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.artefact import Format, Precision
from edgenets.bundle import GOLDEN_PICTURE
from edgenets.data.split import Split
from edgenets.errors import ConversionError
from edgenets.progress import Progress
from edgenets.recipeparts import QuantizeRecipe
from edgenets.runs import Run
from edgenets.spec import ModelSpec
from edgenets.tasks.vision import training
from edgenets.tasks.vision.data.memory import Examples
from edgenets.tasks.vision.preprocess import table
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.tasks.vision.spec import ImageSpec

from . import picture_golden
from .formats import Converted, Written, activation_type
from .picture_verify import PictureJudge, verify_pictures
from .routes.carry import convert_source
from .routes.edge import Job
from .sources.keras_file import source_of
from .verdicts import Report

_TASKS = {
    "classify": "image classification", "detect": "object detection",
    "segment": "semantic segmentation",
}  # fmt: skip


class Pictures:
    """See `Family`."""

    def convert(
        self, run: Run, data: Path | None, to: Sequence[Format], precisions: Sequence[Precision],
        progress: Progress,
    ) -> Converted:  # fmt: skip
        """See `Family.convert`."""
        wanted = any(map(activation_type, precisions))
        if wanted and data is None:
            raise ConversionError(
                "int8 and int16x8 need items to calibrate on; give --data, or leave them out"
            )
        job = self.job(run, data if wanted else None, progress)
        return convert_source(job, to, precisions)

    def job(self, run: Run, data: Path | None, progress: Progress) -> Job:
        """A run's model as one to be converted.

        Args:
            data: to calibrate on; None: integers are not wanted.
        """
        recipe, shown = run.recipe_as(ImageRecipe).quantize, None
        if data is not None:
            shown = _shown(run, data, "train", recipe.pictures, progress).inputs
            # A black and a white pixel, so that the input's integers are those of all pixels and
            # not of the brightest that happened to be shown.
            values = table(_spec(run.spec).input, np.float32).reshape(256, -1)
            shown[0, 0, 0], shown[0, 0, 1] = values[0], values[255]
        model = run.model()
        source = source_of(model, run.folder, training.output_names(model))
        samples = None if shown is None else {source.inputs[0].name: shown}
        kept = QuantizeRecipe(
            keep_float=recipe.keep_float, per_channel=recipe.per_channel,
            symmetric=recipe.symmetric,
        )  # fmt: skip
        return Job(source, samples, "whole", quantize=kept, progress=progress)

    def judge(self, run: Run, data: Path, progress: Progress) -> PictureJudge:
        """What artefacts are held against, on the validation split."""
        gate = run.recipe_as(ImageRecipe).gate
        part = _shown(run, data, "validation", gate.pictures, progress)
        return PictureJudge(run.model(), _spec(run.spec), part, gate)

    def verify(
        self, run: Run, written: Sequence[Written], missing: Sequence[str], data: Path,
        progress: Progress,
    ) -> Report:  # fmt: skip
        """See `Family.verify`."""
        gate = run.recipe_as(ImageRecipe).gate
        part = _shown(run, data, "validation", gate.pictures, progress)
        return verify_pictures(run.model(), _spec(run.spec), written, part, gate, missing, progress)

    def golden(self, spec: ModelSpec) -> dict[str, bytes]:
        """See `Family.golden`."""
        return {GOLDEN_PICTURE: picture_golden.golden_png(_spec(spec).input)}

    def golden_output(self, spec: ModelSpec, written: Written) -> NDArray[np.float32]:
        """See `Family.golden_output`."""
        return picture_golden.golden_output(_spec(spec), written)

    def card(self, run: Run, report: Report) -> list[str]:
        """See `Family.card`."""
        metrics, spec, recipe = run.metrics, _spec(run.spec), run.recipe_as(ImageRecipe)
        frame, test = spec.input, metrics["test"]
        every = {k: v for k, v in test.items() if isinstance(v, float)}
        return [
            f"- **Task**: {_TASKS[spec.task]}, {len(spec.labels)} labels: "
            f"{', '.join(spec.labels)}.",
            f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters.",
            f"- **Input**: pictures of {frame.width} × {frame.height} pixels, {frame.colour}; "
            f"others are brought to that by '{frame.resize}'.",
            f"- **Data**: {metrics['train']['pictures']:,} training pictures. "
            f"{recipe.bundle.data_licence}",
            f"- **Figures**: float Keras model on {test['pictures']} test pictures: "
            f"{', '.join(f'{k} {v:.2%}' for k, v in every.items())}; {run.metric} "
            f"{metrics['validation'][run.metric]:.2%} on {metrics['validation']['pictures']} "
            f"validation pictures, which the artefacts below were held against.",
            "- **Limits**: it knows what its training pictures show, in their light and from their "
            "distance; anything else was not measured. The thresholds are a starting point.",
        ]


def _shown(run: Run, data: Path, split: Split, most: int, progress: Progress) -> training.Shown:
    """At most so many pictures of a split, spread evenly over it."""
    recipe = run.recipe_as(ImageRecipe)
    catalogue = training.read_catalogue(recipe, data, Progress())
    recipe = replace(recipe, data=replace(recipe.data, labels=run.spec.labels))
    examples = training.load_split(recipe, catalogue, data, split, progress)
    spread = np.linspace(0, len(examples) - 1, min(len(examples), most)).astype(int)
    chosen = Examples(tuple(examples.items[i] for i in spread), examples.labels)
    return training.shown(recipe, chosen)


def _spec(spec: ModelSpec) -> ImageSpec:
    assert isinstance(spec, ImageSpec), "family_of gives no other"
    return spec
