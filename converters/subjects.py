"""What `mend` is told of a run's artifacts, whatever its task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgenets import runs
from edgenets.artifact import Artifact
from edgenets.errors import ConversionError
from edgenets.progress import Progress
from edgenets.stepspec import StreamSpec

from . import stepmend
from .family import family_of
from .images import Images
from .mend import Subject
from .routes.mend import Subjects
from .step.convert import Steps
from .stepfamily import StepFamily
from .verify import Judge


def subjects_of(run: runs.Run, data: Path, progress: Progress) -> Callable[[Artifact], Subject]:
    """What tells of one artifact of a run.

    Args:
        data: as for `verify_run`.

    Raises:
        ConversionError: its layers cannot be kept float one by one.
    """
    family = family_of(run.spec)
    if isinstance(family, Images):
        judge = family.judge(run, data, progress)
        job = family.job(run, data, progress)
        return Subjects(job, judge.items, judge.wanted, judge.verdict).of
    if not isinstance(family, StepFamily):
        raise ConversionError(
            f"{run.folder}: a model of two networks has no layers that are kept float one by one; "
            f"leave out what fails, or train it with qat = true"
        )
    return _of_steps(family, run, data, progress)


def _of_steps(
    family: StepFamily, run: runs.Run, data: Path, progress: Progress
) -> Callable[[Artifact], Subject]:
    recipe, spec = run.recipe, run.spec_as(StreamSpec)
    model = run.model()
    steps = Steps(model, family.calibration(run, data, progress), recipe.quantize, progress)
    judge = Judge(model, spec, family.samples(run, data, progress), recipe.gate)
    features = judge.stream[: stepmend.STEPS * steps.graph.frames]

    def subject_of(artifact: Artifact) -> Subject:
        return stepmend.subject_of(
            steps, artifact.format, artifact.precision, features, judge.verdict
        )

    return subject_of
