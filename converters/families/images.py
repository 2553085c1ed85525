"""Whole models of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artifact import Artifact
from edgenets.errors import BackendError, ConversionError
from edgenets.progress import Progress
from edgenets.recipeparts import GateRecipe, QuantizeRecipe
from edgenets.runs import Run
from edgenets.tasks.vision import samples, training
from edgenets.tasks.vision.preprocess import table
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.tasks.vision.spec import ImageSpec
from edgenets.tasks.vision.training import Shown

from ..formats import Converted, Written, activation_type
from ..routes.conversion import convert_source
from ..routes.converter import Job
from ..sources.keras_file import source_of
from ..verify.judge import Judge, Outputs
from ..verify.mixed_precision import Subject
from ..verify.subjects import Subjects
from ..verify.verdicts import Report
from ..whole.samples import Samples, one_by_one
from .family import Wanted


class Images:
    """See `Family`."""

    def convert(self, run: Run, data: Path | None, wanted: Wanted, progress: Progress) -> Converted:
        """See `Family.convert`."""
        rounded = any(map(activation_type, wanted.precisions))
        if rounded and data is None:
            raise ConversionError(
                "int8 and int16x8 need items to calibrate on; give --data, or leave them out"
            )
        job = self.job(run, data if rounded else None, progress)
        return convert_source(job, wanted.formats, wanted.precisions)

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
            keep_float=recipe.keep_float,
            per_channel=recipe.per_channel,
            symmetric=recipe.symmetric,
        )
        return Job(source, calibration, "whole", quantize=kept, progress=progress)

    def reference(self, run: Run, data: Path, progress: Progress) -> ImageReference:
        """See `Family.reference`."""
        gate = run.recipe_as(ImageRecipe).gate
        part = samples.shown(run, data, "validation", gate.samples, progress)
        return ImageReference(run.model(), run.spec_as(ImageSpec), part, gate)

    def subjects(self, run: Run, data: Path, progress: Progress) -> Callable[[Artifact], Subject]:
        """See `Family.subjects`."""
        reference, job = self.reference(run, data, progress), self.job(run, data, progress)
        return Subjects(job, reference.items, reference.wanted, Judge(reference).verdict).of


class ImageReference:
    """A model's answers to images that it was not trained on; see `Reference`."""

    def __init__(self, model: Any, spec: ImageSpec, part: Shown, gate: GateRecipe) -> None:
        self._spec, self._part, self.gate = spec, part, gate
        self.wanted: Mapping[str, NDArray[np.float32]] = training.answers(model, part.inputs)
        self._own = training.judge(self.wanted, spec, part)
        self.items: Samples = {spec.input.kind: part.inputs}
        self.header = Report(
            spec.name, spec.labels, self._own.name, self._own.value, len(part.examples), "images"
        )

    def run(self, items: Sequence[Written]) -> list[Outputs]:
        """See `Reference.run`."""
        (item,) = items
        session = backend.load(backend.backend_of(item.artifact), item.artifact, item.files)
        (source,) = item.artifact.inputs
        given = one_by_one(session.run, {source.name: self._part.inputs}, [source])
        if given.keys() != self.wanted.keys():
            raise BackendError(f"gives {', '.join(given)}; its model {', '.join(self.wanted)}")

        def score() -> tuple[float, float]:
            # Outputs that can be judged, where some are not numbers; the gate says so.
            real = {n: np.nan_to_num(v, posinf=0, neginf=0) for n, v in given.items()}
            judged = training.judge(real, self._spec, self._part)
            return judged.value, judged.agreement(self._own)

        found = [given[name] for name in self.wanted]
        return [Outputs(session.runs_on, found, [*self.wanted.values()], score)]
