"""How models of one streaming step are converted and verified, whatever their task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgenets.artifact import Format, Precision
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.stepspec import StreamSpec
from edgenets.tasks import sequence_task
from edgenets.tasks.task import Samples

from .formats import Converted, Written, activation_type
from .step.convert import Clips, convert
from .verdicts import Report
from .verify import verify


class StepFamily:
    """Models of one streaming step; see `Family`."""

    def calibration(self, run: Run, data: Path, progress: Progress) -> Clips:
        """What calibration rolls through the model: sequences of the training split."""
        return sequence_task(run.spec.task).calibration(run, data, progress)

    def samples(self, run: Run, data: Path, progress: Progress) -> Samples:
        """What artifacts are verified on: sequences of the validation split."""
        return sequence_task(run.spec.task).samples(run, data, progress)

    def convert(
        self, run: Run, data: Path | None, to: Sequence[Format], precisions: Sequence[Precision],
        progress: Progress,
    ) -> Converted:  # fmt: skip
        """See `Family.convert`."""
        clips = None
        if data is not None and any(activation_type(p) for p in precisions):
            clips = self.calibration(run, data, progress)
        return convert(run.model(), clips, to, precisions, run.recipe.quantize, progress)

    def verify(
        self, run: Run, written: Sequence[Written], missing: Sequence[str], data: Path,
        progress: Progress,
    ) -> Report:  # fmt: skip
        """See `Family.verify`."""
        samples = self.samples(run, data, progress)
        spec, gate = run.spec_as(StreamSpec), run.recipe.gate
        return verify(run.model(), spec, written, samples, gate, tuple(missing), progress)
