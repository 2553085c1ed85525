"""The conversion path from a run folder to a bundle, stage by stage, on disk.

RUN/model.keras, spec.json …      what training left
RUN/artifacts/                    `convert_run`
RUN/report.json, report.html      `verify_run`
NAME.edge                         `pack_run`
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgenets import records, runs
from edgenets.artifact import FORMATS, PRECISIONS, Artifact, Format, Precision
from edgenets.bundle import Bundle
from edgenets.choice import this_machine
from edgenets.errors import ModelError
from edgenets.files import Json, replacing, write_json
from edgenets.progress import Progress

from . import store
from .accelerators.edgetpu import recompiled
from .families import family as families
from .formats import Converted, Written
from .pack import Contents, pack
from .verify import card, mixed_precision, report
from .verify.appendix import Appendix, Wanted, appendix_of
from .verify.judge import Judge, Reference
from .verify.mixed_precision import Repair, Subject, is_rounded, search_each, write_repairs
from .verify.report_appendix import sections
from .verify.verdicts import Report

REPORT, REPORT_PAGE = "report.json", "report.html"

# What is about artifacts of before once a folder is converted again.
STALE = (
    REPORT,
    REPORT_PAGE,
    mixed_precision.MIXED_PRECISION,
    mixed_precision.OLD_MIXED_PRECISION,
)

# Where in the report's JSON that stands which decides nothing.
APPENDIX = "beside"


@dataclass(frozen=True)
class Project:
    """A folder of artifacts, and how they are verified, whatever model they came from."""

    folder: Path
    reference: Callable[[Progress], Reference]
    # What the mixed-precision search needs of each artifact.
    subjects: Callable[[Progress], Callable[[Artifact], Subject]]
    page: Callable[[Report, Sequence[Written], Sequence[report.Section]], str]


def convert_run(
    run: runs.Run,
    data: Path | None,
    to: Sequence[Format] = FORMATS,
    precisions: Sequence[Precision] = PRECISIONS,
    progress: Progress | None = None,
) -> Converted:
    """Convert a trained model, calibrated on its training split, into `RUN/artifacts`.

    Raises:
        ConversionError: the model cannot be converted, or integers are wanted without data.
    """
    progress = progress or Progress()
    wanted = families.Wanted(to, precisions)
    found = families.family_of(run.spec).convert(run, data, wanted, progress)
    store.save(run.folder, found.written, found.missing)
    return found


def verify_run(
    run: runs.Run, data: Path, progress: Progress | None = None, wanted: Wanted | None = None
) -> Report:
    """Verify `RUN/artifacts` on the validation split; see `verify_project`."""
    return verify_project(_of_run(run, data), progress, wanted)


def judge_run(run: runs.Run, data: Path, progress: Progress | None = None) -> Report:
    """The gate's verdict on `RUN/artifacts`; see `judge_project`."""
    return judge_project(_of_run(run, data), progress)


def append_to_run(
    run: runs.Run, data: Path, progress: Progress | None = None, wanted: Wanted | None = None
) -> None:
    """What stands beside it; see `append_to_project`."""
    append_to_project(_of_run(run, data), progress, wanted)


def search_run(
    run: runs.Run, data: Path, progress: Progress | None = None, wanted: Wanted | None = None
) -> tuple[tuple[Repair, ...], Report]:
    """Search mixed precision for what did not pass; see `search_project`."""
    return search_project(_of_run(run, data), progress, wanted)


def _of_run(run: runs.Run, data: Path) -> Project:
    family = families.family_of(run.spec)
    return Project(
        run.folder,
        lambda progress: family.reference(run, data, progress),
        lambda progress: family.subjects(run, data, progress),
        lambda found, written, extra: report.page(found, run, [report.routes(written), *extra]),
    )


def verify_project(
    project: Project, progress: Progress | None = None, wanted: Wanted | None = None
) -> Report:
    """Verify a folder's artifacts; write `report.json` and `report.html`.

    Args:
        wanted: of the report, and in it beside the gate.

    Raises:
        ModelError: nothing was converted.
    """
    found = judge_project(project, progress)
    append_to_project(project, progress, wanted)
    return found


def judge_project(project: Project, progress: Progress | None = None) -> Report:
    """What the gate says, and no more; written at once, whatever becomes of what stands beside it.

    Raises:
        ModelError: nothing was converted.
    """
    progress = progress or Progress()
    written, missing = store.load(project.folder)
    found = Judge(project.reference(progress)).verify(written, missing, progress)
    _write(project, found, written, Appendix(this_machine()))
    return found


def append_to_project(
    project: Project, progress: Progress | None = None, wanted: Wanted | None = None
) -> None:
    """Write beside the gate's verdict what is wanted: times, layers, boards.

    Raises:
        ModelError: the artifacts were not verified, or not these.
    """
    progress = progress or Progress()
    written, _ = store.load(project.folder)
    found = load_report(project.folder, written)
    beside = appendix_of(
        written, found, wanted or Wanted(), lambda: project.subjects(progress), progress
    )
    _write(project, found, written, beside)


def _write(project: Project, found: Report, written: Sequence[Written], beside: Appendix) -> None:
    save_verdict(project.folder, found, written, beside)
    with replacing(project.folder / REPORT_PAGE) as file:
        file.write_text(project.page(found, written, sections(found, beside)), encoding="utf-8")


def search_project(
    project: Project, progress: Progress | None = None, wanted: Wanted | None = None
) -> tuple[tuple[Repair, ...], Report]:
    """Make integer artifacts that did not pass with their quantization-sensitive layers in float,
    and verify all of them again.

    Returns:
        what was done about each, and the new report.

    Raises:
        ModelError: they were not verified.
        ConversionError: layers cannot be kept float one by one.
    """
    progress = progress or Progress()
    written, missing = store.load(project.folder)
    found = load_report(project.folder, written)
    failed = [v.id for v in found.verdicts if not v.passed and is_rounded(v.precision)]
    if not failed:
        return (), found
    subjects = project.subjects(progress)
    repairs, remade = search_each(written, failed, subjects, progress)
    remade, gone = recompiled(remade)
    store.save(project.folder, remade, (*missing, *gone), store.origin(project.folder))
    write_repairs(project.folder, repairs)
    wanted = replace(wanted or Wanted(), repairs=repairs)
    return repairs, verify_project(project, progress, wanted)


def save_verdict(folder: Path, found: Report, written: Sequence[Written], beside: Appendix) -> None:
    """Write `report.json`, tied to the artifacts that it is about."""
    plain = {"artifacts": fingerprint(written), **records.to_plain(found)}
    write_json(folder / REPORT, {**plain, APPENDIX: records.to_plain(beside)})


def pack_run(run: runs.Run, path: Path, only: Collection[str] | None = None) -> Bundle:
    """Bundle the artifacts that passed.

    Args:
        only: ids to take; None takes those of the recipe's `[bundle]`.

    Raises:
        ModelError: the artifacts were not verified, or not these.
        GateFailed: none passed, or one that is to be taken did not.
    """
    written, _ = store.load(run.folder)
    found = load_report(run.folder, written)
    chosen = only if only is not None else run.recipe.bundle.artifacts
    text = card.write(run, found)
    licence = run.recipe.bundle.licence
    others = {**run.assets(), **run.weights()}
    return pack(path, Contents(run.spec, written, found, text, licence, others), chosen)


def load_report(folder: Path, written: Sequence[Written]) -> Report:
    """The report of just these artifacts.

    Raises:
        ModelError: there is none, or the artifacts changed since.
    """
    path = folder / REPORT
    if not path.is_file():
        raise ModelError(f"{folder}: not verified yet; run `edgenets verify {folder}` first")
    data: Json = json.loads(path.read_text(encoding="utf-8"))
    data.pop(APPENDIX, None)
    of = [data.pop(name, None) for name in ("artifacts", "artefacts")]  # of today, and of before
    if next(filter(None, of), None) != fingerprint(written):
        raise ModelError(f"{path}: is of other artifacts; run `edgenets verify {folder}` again")
    return records.parse(Report, data, str(path))


def sections_of(folder: Path, found: Report) -> list[report.Section]:
    """What stands beside the gate in a folder's report, for another page of the same."""
    data = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    beside = records.parse(Appendix, data[APPENDIX], str(folder / REPORT))
    return [report.routes(store.load(folder)[0]), *sections(found, beside)]


def fingerprint(written: Sequence[Written]) -> dict[str, str]:
    """What ties a report to the files that it is about."""
    return {n: hashlib.sha256(d).hexdigest() for w in written for n, d in w.files.items()}
