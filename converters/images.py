"""Models of images, along the conversion path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgenets.artifact import Format, Precision
from edgenets.errors import ConversionError
from edgenets.progress import Progress
from edgenets.recipeparts import QuantizeRecipe
from edgenets.runs import Run
from edgenets.tasks.vision import samples, training
from edgenets.tasks.vision.preprocess import table
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.tasks.vision.spec import ImageSpec

from .formats import Converted, Written, activation_type
from .image_verify import ImageJudge, verify_images
from .routes.conversion import convert_source
from .routes.converter import Job
from .sources.keras_file import source_of
from .verdicts import Report


class Images:
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
            shown = samples.shown(run, data, "train", recipe.samples, progress).inputs
            # A black and a white pixel, so that the input's integers are those of all pixels and
            # not of the brightest that happened to be shown.
            values = table(run.spec_as(ImageSpec).input, np.float32).reshape(256, -1)
            shown[0, 0, 0], shown[0, 0, 1] = values[0], values[255]
        model = run.model()
        source = source_of(model, run.folder, training.output_names(model))
        calibration = None if shown is None else {source.inputs[0].name: shown}
        kept = QuantizeRecipe(
            keep_float=recipe.keep_float, per_channel=recipe.per_channel,
            symmetric=recipe.symmetric,
        )  # fmt: skip
        return Job(source, calibration, "whole", quantize=kept, progress=progress)

    def judge(self, run: Run, data: Path, progress: Progress) -> ImageJudge:
        """What artifacts are held against, on the validation split."""
        gate = run.recipe_as(ImageRecipe).gate
        part = samples.shown(run, data, "validation", gate.samples, progress)
        return ImageJudge(run.model(), run.spec_as(ImageSpec), part, gate)

    def verify(
        self, run: Run, written: Sequence[Written], missing: Sequence[str], data: Path,
        progress: Progress,
    ) -> Report:  # fmt: skip
        """See `Family.verify`."""
        gate = run.recipe_as(ImageRecipe).gate
        part = samples.shown(run, data, "validation", gate.samples, progress)
        return verify_images(
            run.model(), run.spec_as(ImageSpec), written, part, gate, missing, progress
        )
