"""Verification of networks of images: tensors, decisions, and the task's own metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.errors import EdgenetsError
from edgenets.metrics import metric_of
from edgenets.progress import Progress
from edgenets.tasks.vision.metrics import Metric
from edgenets.tasks.vision.recipe import ImageGateRecipe
from edgenets.tasks.vision.spec import ImageSpec
from edgenets.tasks.vision.training import Shown, answers, judge

from .closeness import closeness, verdict
from .formats import Written
from .verdicts import Report, Verdict, broken, verdicts_of
from .whole.samples import Samples, one_by_one

Outputs = Mapping[str, NDArray[np.float32]]  # (images, …) by name


def verify_images(
    model: Any, spec: ImageSpec, written: Sequence[Written], part: Shown, gate: ImageGateRecipe,
    missing: Sequence[str] = (), progress: Progress | None = None,
) -> Report:  # fmt: skip
    """Hold artifacts against the Keras model that they were made of.

    Args:
        part: images that the model was not trained on.
        gate: what an artifact must hold.

    Returns:
        a report; an artifact that cannot be run has a verdict that says why.
    """
    judge = ImageJudge(model, spec, part, gate)
    return Report(
        spec.name, spec.labels, judge.own.name, judge.own.value, len(part.examples), "images",
        verdicts_of(written, judge.verdict, progress), tuple(missing),
    )  # fmt: skip


class ImageJudge:
    """A model's answers to images, against which artifacts are held; arguments as above."""

    def __init__(self, model: Any, spec: ImageSpec, part: Shown, gate: ImageGateRecipe) -> None:
        self._spec, self._part, self._gate = spec, part, gate
        self.wanted: Outputs = answers(model, part.inputs)
        self.own: Metric = judge(self.wanted, spec, part)
        self.items: Samples = {spec.input.kind: part.inputs}

    def verdict(self, item: Written) -> Verdict:
        """What the gate says of one artifact."""
        artifact, reference, own = item.artifact, self.wanted, self.own
        part, gate = self._part, self._gate
        try:
            session = backend.load(backend.backend_of(artifact), artifact, item.files)
            (source,) = artifact.inputs
            given = one_by_one(session.run, {source.name: part.inputs})
        except EdgenetsError as exc:
            return broken(item, str(exc))
        shapes = {name: value.shape for name, value in given.items()}
        if shapes != {name: value.shape for name, value in reference.items()}:
            return broken(item, f"gives {shapes}; its model gives other outputs")
        close = closeness([(given[name], reference[name]) for name in reference])
        judged = judge(given if close.finite else _zeros(given), self._spec, part)
        return verdict(
            item, session.runs_on, judged.value, own.value, judged.agreement(own), close,
            metric_of(own.name), gate,
        )  # fmt: skip


def _zeros(given: Outputs) -> Outputs:
    """Outputs that can be judged, where some are no numbers."""
    return {name: np.nan_to_num(value, posinf=0, neginf=0) for name, value in given.items()}
