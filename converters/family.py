"""What conversion, verification and packing do differently for each variant of model.

The project (`route.py`) is one; each family says how its models are converted and judged, and asks
the model's task (`edgenets.tasks`) for all that is the task's own.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edgenets.artifact import Format, Precision
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.spec import ModelSpec
from edgenets.tasks import task_of

from .formats import Converted, Written
from .verdicts import Report


class Family(Protocol):
    """One variant of model."""

    def convert(
        self, run: Run, data: Path | None, to: Sequence[Format], precisions: Sequence[Precision],
        progress: Progress,
    ) -> Converted:  # fmt: skip
        """The artifacts of a run, calibrated on its training split, and what is missing."""
        ...

    def verify(
        self, run: Run, written: Sequence[Written], missing: Sequence[str], data: Path,
        progress: Progress,
    ) -> Report:  # fmt: skip
        """Artifacts held against their model on the validation split."""
        ...


# Variant → its family. To add one: a class, and a line here.
FAMILIES = {
    "step": "edgenets.converters.stepfamily:StepFamily",
    "whole": "edgenets.converters.images:Images",
    "encoder-decoder": "edgenets.converters.translation:Translation",
}


def family_of(spec: ModelSpec) -> Family:
    """The family of a model."""
    module, _, name = FAMILIES[task_of(spec.task).variant].partition(":")
    made: Family = getattr(importlib.import_module(module), name)()
    return made
