"""What conversion, verification and packing do differently for each task.

The road (`road.py`) is one; each family says how its models go along it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.artefact import Format, Precision
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.spec import ModelSpec

from .formats import Converted, Written
from .verdicts import Report


class Family(Protocol):
    """One kind of model."""

    def convert(
        self, run: Run, data: Path | None, to: Sequence[Format], precisions: Sequence[Precision],
        progress: Progress,
    ) -> Converted:  # fmt: skip
        """The artefacts of a run, calibrated on its training split, and what is missing."""
        ...

    def verify(
        self, run: Run, written: Sequence[Written], missing: Sequence[str], data: Path,
        progress: Progress,
    ) -> Report:  # fmt: skip
        """Artefacts held against their model on the validation split."""
        ...

    def golden(self, spec: ModelSpec) -> dict[str, bytes]:
        """What a bundle carries to be tried with, by member name."""
        ...

    def golden_output(self, spec: ModelSpec, written: Written) -> NDArray[np.float32]:
        """What an artefact answers to it, as `golden/ID.f32` holds it."""
        ...

    def card(self, run: Run, report: Report) -> list[str]:
        """The lines of a model card that are about this kind of model, with its figures."""
        ...


# Task → its family. To add one: a class, and a line here.
FAMILIES = {
    "keywords": "edgenets.converters.keywords:Keywords",
    "speech": "edgenets.converters.speech:Speech",
    "language": "edgenets.converters.language:Language",
    "text": "edgenets.converters.texts:Texts",
    "translation": "edgenets.converters.translation:Translation",
    "forecast": "edgenets.converters.forecast:Forecast",
    "anomaly": "edgenets.converters.anomaly:Anomaly",
    "classify": "edgenets.converters.pictures:Pictures",
    "detect": "edgenets.converters.pictures:Pictures",
    "segment": "edgenets.converters.pictures:Pictures",
}


def family_of(spec: ModelSpec) -> Family:
    """The family of a model."""
    module, _, name = FAMILIES[spec.task].partition(":")
    made: Family = getattr(importlib.import_module(module), name)()
    return made
