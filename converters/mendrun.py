"""A run folder whose artifacts did not all pass: each is mended, and all are verified again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgenets import runs
from edgenets.progress import Progress

from . import store
from .appendix import Wanted
from .project import load_report, verify_run
from .repair import Repair, is_rounded, repaired, write_repairs
from .subjects import subjects_of
from .verdicts import Report


def mend_run(
    run: runs.Run, data: Path, progress: Progress | None = None, wanted: Wanted | None = None
) -> tuple[tuple[Repair, ...], Report]:
    """Mend what did not pass, and verify all of it again.

    Args:
        run: converted and verified.
        data: as for `verify_run`.
        wanted: the same.

    Returns:
        a repair of each integer artifact that had not passed, and the new report.

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
    repairs, mended = repaired(written, failed, subjects_of(run, data, progress), progress)
    store.save(run.folder, mended, missing)
    write_repairs(run.folder, repairs)
    found = replace(wanted or Wanted(), repairs=repairs)
    return repairs, verify_run(run, data, progress, found)
