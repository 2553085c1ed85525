"""What conversion, verification and packing do differently for each variant of model.

The project (`project.py`) is one; each family says how its models are converted, what their
artifacts are held against and which layers they have, and asks the model's task (`edgenets.tasks`)
for all that is the task's own.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgenets.artifact import Artifact, Format, Precision
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.spec import ModelSpec
from edgenets.tasks import task_of

from ..formats import Converted
from ..verify.judge import Reference
from ..verify.mixed_precision import Subject


@dataclass(frozen=True)
class Wanted:
    """Artifacts that are to be made."""

    formats: Sequence[Format]
    precisions: Sequence[Precision]


class Family(Protocol):
    """One variant of model."""

    def convert(self, run: Run, data: Path | None, wanted: Wanted, progress: Progress) -> Converted:
        """The artifacts of a run, calibrated on its training split, and what is missing."""
        ...

    def reference(self, run: Run, data: Path, progress: Progress) -> Reference:
        """What artifacts are held against: the model's answers on the validation split.

        Raises:
            DataError: there is nothing to verify on.
        """
        ...

    def subjects(self, run: Run, data: Path, progress: Progress) -> Callable[[Artifact], Subject]:
        """What the mixed-precision search needs of each artifact of a run.

        Raises:
            ConversionError: layers cannot be kept float one by one.
        """
        ...


# Variant → its family. To add one: a class, and a line here.
FAMILIES = {
    "step": "edgenets.converters.families.steps:StepFamily",
    "whole": "edgenets.converters.families.images:Images",
    "encoder-decoder": "edgenets.converters.families.translation:Translation",
}


def family_of(spec: ModelSpec) -> Family:
    """The family of a model."""
    module, _, name = FAMILIES[task_of(spec.task).variant].partition(":")
    made: Family = getattr(importlib.import_module(module), name)()
    return made
