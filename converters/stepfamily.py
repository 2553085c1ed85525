"""What all families of step models do alike along the road."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgenets.artefact import Format, Precision
from edgenets.progress import Progress
from edgenets.runs import Run

from .formats import Converted, Written, activation_type
from .step.convert import Clips, convert
from .verdicts import Report
from .verify import Samples, verify


class StepFamily:
    """The part of a `Family` that is about models of one step net."""

    def clips(self, run: Run, data: Path, progress: Progress) -> Clips:
        """What calibration rolls through the model: sequences of the training split."""
        raise NotImplementedError

    def samples(self, run: Run, data: Path, progress: Progress) -> Samples:
        """What artefacts are verified on: sequences of the validation split."""
        raise NotImplementedError

    def convert(
        self, run: Run, data: Path | None, to: Sequence[Format], precisions: Sequence[Precision],
        progress: Progress,
    ) -> Converted:  # fmt: skip
        """See `Family.convert`."""
        clips = None
        if data is not None and any(activation_type(p) for p in precisions):
            clips = self.clips(run, data, progress)
        recipe: Any = run.recipe
        return convert(run.model(), clips, to, precisions, recipe.quantize, progress)

    def verify(
        self, run: Run, written: Sequence[Written], missing: Sequence[str], data: Path,
        progress: Progress,
    ) -> Report:  # fmt: skip
        """See `Family.verify`."""
        samples = self.samples(run, data, progress)
        recipe: Any = run.recipe
        spec: Any = run.spec
        return verify(run.model(), spec, written, samples, recipe.gate, tuple(missing), progress)
