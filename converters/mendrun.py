"""A run folder whose artefacts did not all pass: each is mended, and all are verified again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgenets import runs
from edgenets.artefact import Artefact
from edgenets.errors import ConversionError
from edgenets.progress import Progress

from . import stepmend, store
from .convert import Steps
from .family import family_of
from .mend import Subject
from .pictures import Pictures
from .repair import Repair, is_rounded, repaired, write_repairs
from .road import load_report, verify_run
from .routes.mend import Subjects
from .stepfamily import StepFamily
from .verdicts import Report
from .verify import Judge

# Steps of a stream on which layers are compared.
_STEPS = 400


def mend_run(
    run: runs.Run, data: Any, progress: Progress | None = None
) -> tuple[tuple[Repair, ...], Report]:
    """Mend what did not pass, and verify all of it again.

    Args:
        run: converted and verified.
        data: as for `verify_run`.

    Returns:
        a repair of each integer artefact that had not passed, and the new report.

    Raises:
        ModelError: it was not verified.
        ConversionError: its layers cannot be kept float one by one.
    """
    progress = progress or Progress()
    written, missing = store.load(run.folder)
    report = load_report(run.folder, written)
    failed = [v.id for v in report.verdicts if not v.passed and is_rounded(v.precision)]
    if not failed:
        return (), report
    family = family_of(run.spec)
    if isinstance(family, StepFamily):
        subject_of = _of_steps(family, run, data, progress)
    elif isinstance(family, Pictures):
        judge = family.judge(run, data, progress)
        job = family.job(run, data, progress)
        subject_of = Subjects(job, judge.items, judge.wanted, judge.verdict).of
    else:
        raise ConversionError(
            f"{run.folder}: a model of two nets has no layers that are kept float one by one; "
            f"leave {', '.join(failed)} out, or train it with qat = true"
        )
    repairs, mended = repaired(written, failed, subject_of, progress)
    store.save(run.folder, mended, missing)
    write_repairs(run.folder, repairs)
    return repairs, verify_run(run, data, progress)


def _of_steps(
    family: StepFamily, run: runs.Run, data: Any, progress: Progress
) -> Callable[[Artefact], Subject]:
    recipe: Any = run.recipe
    spec: Any = run.spec
    model = run.model()
    steps = Steps(model, family.clips(run, data, progress), recipe.quantize, progress)
    judge = Judge(model, spec, family.samples(run, data, progress), recipe.gate)
    features = judge.stream[: _STEPS * steps.graph.frames]

    def subject_of(artefact: Artefact) -> Subject:
        return stepmend.subject_of(
            steps, artefact.format, artefact.precision, features, judge.verdict
        )

    return subject_of
