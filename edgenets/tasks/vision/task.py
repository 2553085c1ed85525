"""Image classification, object detection and segmentation, as stages see them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.bundle import GOLDEN_IMAGE
from edgenets.progress import Progress
from edgenets.spec import ModelSpec, spec_as
from edgenets.tasks.cost import Cost
from edgenets.tasks.room import CardModule, EvaluationModule, Room
from edgenets.tasks.task import Medium, Replay, Trained, Variant
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.tasks.vision.spec import ImageSpec, ImageTask

if TYPE_CHECKING:
    from edgenets.bundle import Bundle
    from edgenets.data.survey import Survey
    from edgenets.runs import Run
    from edgenets.tasks.own import OwnInput


class _Images(Room, Cost):
    """What the three have in common; see `Task`."""

    spec: ClassVar = ImageSpec
    recipe: ClassVar = ImageRecipe
    variant: ClassVar[Variant] = "whole"
    cost_unit: ClassVar[str] = "CPU ms/image"
    medium: ClassVar[Medium] = "images"
    own_input: ClassVar[OwnInput] = "images"
    extras: ClassVar[tuple[str, ...]] = ("camera",)
    run_options: ClassVar[tuple[str, ...]] = ("seconds", "scene")
    doing: ClassVar[str] = "looking at"
    image_task: ClassVar[ImageTask]

    def train(self, recipe: ImageRecipe, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.vision.training import train_images

        return train_images(recipe, data, out, progress)

    def survey(self, data: Path, progress: Progress) -> Survey:
        """See `Task.survey`."""
        from edgenets.tasks.vision.survey import survey

        return survey(data, self.image_task, progress)

    def _samples(self) -> CardModule:
        from edgenets.tasks.vision import samples

        return samples

    def _evaluation(self) -> EvaluationModule:
        from edgenets.tasks.vision import evaluation

        return evaluation

    def golden(self, spec: ImageSpec) -> dict[str, bytes]:
        """See `Task.golden`."""
        from edgenets.tasks.vision.golden import golden_png

        return {GOLDEN_IMAGE: golden_png(spec.input)}

    def golden_output(self, spec: ImageSpec, session: Session) -> NDArray[np.float32]:
        """See `Task.golden_output`: (values,) float32, thinned."""
        from edgenets.tasks.vision.golden import golden_image, output_of

        return output_of(spec, session, golden_image(spec.input))

    def replay(self, bundle: Bundle) -> Replay:
        """See `Task.replay`."""
        from edgenets.tasks.vision import image
        from edgenets.tasks.vision.golden import output_of

        spec = spec_as(bundle.spec, ImageSpec)
        golden_pixels = image.decode(bundle.golden_image(), f"{bundle.path}: the golden image")
        return lambda session: output_of(spec, session, golden_pixels)

    def input_of(self, spec: ImageSpec) -> str:
        """See `Task.input_of`."""
        frame = spec.input
        return f"images of {frame.width} × {frame.height} {frame.color}, by {frame.resize}"

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """See `Task.facts`."""
        frame = run.spec.input
        return [(f"{frame.width} × {frame.height}", "pixels")]

    def cpu_ms(self, spec: ModelSpec, session: Session, seconds: float) -> float:
        """See `Task.cpu_ms`: of an image of 640 × 480, from pixels to findings."""
        from edgenets.tasks.vision.pipeline import cpu_of_image

        return cpu_of_image(spec_as(spec, ImageSpec), session, seconds)


class Classify(_Images):
    """One label, or several, for a whole image."""

    image_task: ClassVar[ImageTask] = "classify"


class Detect(_Images):
    """Objects, each with a box."""

    image_task: ClassVar[ImageTask] = "detect"


class Segment(_Images):
    """A label for every pixel."""

    image_task: ClassVar[ImageTask] = "segment"
