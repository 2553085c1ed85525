"""Artifacts that did not pass, each mended, and what was tried for each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgenets import records
from edgenets.artifact import Artifact
from edgenets.errors import ConversionError
from edgenets.files import write_json
from edgenets.progress import Progress

from . import formats
from .formats import Written
from .mend import LayerError, Mended, Subject, Try, mend
from .steptime import step_us

# What was tried, beside the report.
MENDED = "mended.json"


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
    """What was done about one artifact."""

    id: str
    first: str  # layer at which it left its model; nothing where none stands out
    errors: tuple[LayerError, ...]
    tries: tuple[Tried, ...]
    kept: tuple[str, ...]
    passed: bool
    why: str = ""  # nothing could be tried


@dataclass(frozen=True)
class _File:
    repairs: tuple[Repair, ...]


def repaired(
    written: Sequence[Written], failed: Collection[str], subject_of: Callable[[Artifact], Subject],
    progress: Progress,
) -> tuple[tuple[Repair, ...], list[Written]]:  # fmt: skip
    """Mend artifacts.

    Args:
        written: all of a model.
        failed: ids of those that did not pass.
        subject_of: what `mend` is told of one.

    Returns:
        a repair of each that had failed, and all artifacts, the mended ones in their places.
    """
    repairs, mended = [], []
    for item in written:
        if item.artifact.id not in failed:
            mended.append(item)
            continue
        progress.say(f"{item.artifact.id}: looking for the layers that spoil it")
        try:
            found = mend(subject_of(item.artifact), progress=progress)
        except ConversionError as exc:  # of this one alone
            repairs.append(Repair(item.artifact.id, "", (), (), (), False, str(exc)))
            mended.append(item)
            continue
        repairs.append(_repair(item, found))
        mended.append(_noted(found.best, item))
    return tuple(repairs), mended


def write_repairs(folder: Path, repairs: Sequence[Repair]) -> None:
    """Keep what was tried beside the report."""
    write_json(folder / MENDED, records.to_plain(_File(tuple(repairs))))


def is_rounded(precision: str) -> bool:
    """Whether activations are integers."""
    return formats.activation_type(precision) is not None  # type: ignore[arg-type]


def _noted(best: Try, before: Written) -> Written:
    """An artifact that says which of its layers are in float."""
    if not best.kept and not best.verdict.passed:
        return before
    artifact = best.written.artifact
    kept = f"{', '.join(best.kept)} kept float" if best.kept else ""
    note = "; ".join(filter(None, (artifact.note, kept)))
    return replace(best.written, artifact=replace(artifact, note=note), route=before.route)


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
        item.artifact.id, found.first, found.errors, tries, best.kept, best.verdict.passed
    )
