"""A third-party model of images that can be run, and what its user says of its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import Artifact
from edgenets.backend import Session
from edgenets.tasks.vision.golden import golden_image
from edgenets.tasks.vision.preprocess import Preprocessor
from edgenets.tasks.vision.spec import ImageInput, Scores

from .sources.ends import End

# How boxes come: all places of a grid with their scores; a list of what was found, by corners; or
# such a list by middles and sizes.
BoxesAs = Literal["grid", "list", "centred"]

# What comes with each box: points with and without scores, an angle, factors of prototypes.
DetailAs = Literal["none", "keypoints", "keypoints-xy", "rotation", "masks"]


@dataclass(frozen=True)
class OutputsAs:
    """What is said of a model's outputs; None: found, and shown."""

    scores: Scores | None = None
    boxes: BoxesAs | None = None
    detail: DetailAs | None = None
    iou: float | None = None  # overlap beyond which the lesser of two boxes goes
    most: int | None = None  # objects an image


@dataclass(frozen=True)
class Opened:
    """A third-party model that can be run, and what is known of its outputs."""

    artifact: Artifact
    session: Session
    frame: ImageInput
    ends: Mapping[str, End]  # what makes each output, by name
    said: OutputsAs
    guesses: list[str] = field(default_factory=list)  # what is guessed is added here

    @property
    def name(self) -> str:
        """The file, for messages."""
        return self.artifact.files[0]

    @cached_property
    def answer(self) -> Mapping[str, Array]:
        """What the model says to the golden drawing."""
        given = np.empty(self.frame.shape, np.float32)
        Preprocessor(self.frame).into(golden_image(self.frame), given)
        return {
            name: out.copy() for name, out in self.session.run({self.frame.name: given}).items()
        }
