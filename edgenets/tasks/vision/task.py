"""Image classification, object detection and segmentation, as stages see them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.bundle import GOLDEN_PICTURE
from edgenets.progress import Progress
from edgenets.tasks.task import Trained, Variant
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.tasks.vision.spec import ImageSpec

if TYPE_CHECKING:
    from edgenets.runs import Run


class _Images:
    """What the three have in common; see `Task`."""

    spec: ClassVar = ImageSpec
    recipe: ClassVar = ImageRecipe
    variant: ClassVar[Variant] = "whole"

    def train(self, recipe: Any, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.vision.training import train_pictures

        return train_pictures(recipe, data, out, progress)

    def card(self, run: Run, items: int) -> list[str]:
        """See `Task.card`."""
        from edgenets.tasks.vision.samples import card

        return card(run, items)

    def golden(self, spec: Any) -> dict[str, bytes]:
        """See `Task.golden`."""
        from edgenets.tasks.vision.golden import golden_png

        return {GOLDEN_PICTURE: golden_png(spec.input)}

    def golden_output(self, spec: Any, session: Session) -> NDArray[np.float32]:
        """See `Task.golden_output`: (values,) float32, thinned."""
        from edgenets.tasks.vision.golden import golden_picture, output_of

        return output_of(spec, session, golden_picture(spec.input))


class Classify(_Images):
    """One label, or several, for a whole image."""


class Detect(_Images):
    """Objects, each with a box."""


class Segment(_Images):
    """A label for every pixel."""
