"""A run folder whose artefacts did not all pass: each is mended, and all are verified again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edgenets import records, runs
from edgenets.artefact import Precision
from edgenets.errors import ConversionError
from edgenets.files import write_json
from edgenets.progress import Progress

from . import formats, stepmend, store
from .convert import Steps
from .family import family_of
from .formats import Written
from .mend import LayerError, Mended, Try, mend
from .road import load_report, verify_run
from .stepfamily import StepFamily
from .steptime import step_us
from .verdicts import Report
from .verify import Judge

# What was tried, beside the report.
MENDED = "mended.json"

# Steps of a stream on which layers are compared.
_STEPS = 400


@dataclass(frozen=True)
class Tried:
    """One set of layers in float."""

    kept: tuple[str, ...]
    metric: float
    bytes: int
    step_us: float | None  # median of a step, on this machine; None: it cannot be run
    passed: bool


@dataclass(frozen=True)
class Repair:
    """What was done about one artefact."""

    id: str
    first: str  # layer at which it left its model; nothing where none stands out
    errors: tuple[LayerError, ...]
    tries: tuple[Tried, ...]
    kept: tuple[str, ...]
    passed: bool


@dataclass(frozen=True)
class _File:
    repairs: tuple[Repair, ...]


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
    failed = [v.id for v in report.verdicts if not v.passed and _is_rounded(v.precision)]
    if not failed:
        return (), report
    family = family_of(run.spec)
    if not isinstance(family, StepFamily):
        raise ConversionError(
            f"{run.folder}: a model of pictures or of two nets has no layers that are kept float "
            f"one by one; leave {', '.join(failed)} out, or train it with qat = true"
        )
    recipe: Any = run.recipe
    model, spec = run.model(), run.spec
    steps = Steps(model, family.clips(run, data, progress), recipe.quantize, progress)
    samples = family.samples(run, data, progress)
    judge = Judge(model, spec, samples, recipe.gate)  # type: ignore[arg-type]
    repairs, mended = [], []
    for item in written:
        if item.artefact.id not in failed:
            mended.append(item)
            continue
        progress.say(f"{item.artefact.id}: looking for the layers that spoil it")
        found = _mended(item, steps, judge, progress)
        repairs.append(_repair(item, found))
        mended.append(_noted(found.best))
    store.save(run.folder, mended, missing)
    write_json(run.folder / MENDED, records.to_plain(_File(tuple(repairs))))
    return tuple(repairs), verify_run(run, data, progress)


def _is_rounded(precision: str) -> bool:
    known: Any = precision
    return formats.activation_type(known) is not None


def _mended(item: Written, steps: Steps, judge: Judge, progress: Progress) -> Mended:
    artefact = item.artefact
    precision: Precision = artefact.precision
    frames = steps.graph.frames
    features = judge.stream[: _STEPS * frames]
    subject = stepmend.subject_of(steps, artefact.format, precision, features, judge.verdict)
    return mend(subject, progress=progress)


def _noted(best: Try) -> Written:
    """An artefact that says which of its layers are in float."""
    if not best.kept:
        return best.written
    artefact = best.written.artefact
    note = "; ".join(filter(None, (artefact.note, f"{', '.join(best.kept)} kept float")))
    return replace(best.written, artefact=replace(artefact, note=note))


def _repair(item: Written, found: Mended) -> Repair:
    tries = tuple(
        Tried(
            one.kept, one.verdict.metric, one.verdict.size,
            None if one.verdict.error else round(step_us(one.written), 2), one.verdict.passed,
        )
        for one in found.tries
    )  # fmt: skip
    best = found.best
    return Repair(
        item.artefact.id, found.first, found.errors, tries, best.kept, best.verdict.passed
    )
