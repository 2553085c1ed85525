"""The conversion path from a run folder to a bundle, stage by stage, on disk.

RUN/model.keras, spec.json …      what training left
RUN/artifacts/                    `convert_run`
RUN/report.json, report.html      `verify_run`
NAME.edge                         `pack_run`
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from edgenets import records, runs
from edgenets.artifact import FORMATS, PRECISIONS, Format, Precision
from edgenets.bundle import Bundle
from edgenets.choice import this_machine
from edgenets.errors import ModelError
from edgenets.files import replacing, write_json
from edgenets.progress import Progress

from . import card, report, store
from .appendix import Appendix, Wanted, appendix_of
from .family import family_of
from .formats import Converted, Written
from .pack import pack
from .report_appendix import sections
from .subjects import subjects_of
from .verdicts import Report

REPORT, REPORT_PAGE = "report.json", "report.html"

# Where in the report's JSON that stands which decides nothing.
APPENDIX = "beside"


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
    found = family_of(run.spec).convert(run, data, to, precisions, progress)
    store.save(run.folder, found.written, found.missing)
    return found


def verify_run(
    run: runs.Run, data: Path, progress: Progress | None = None, wanted: Wanted | None = None
) -> Report:
    """Verify `RUN/artifacts` on the validation split; write `report.json` and `report.html`.

    Args:
        wanted: in the report, beside the gate.

    Raises:
        ModelError: nothing was converted.
    """
    progress = progress or Progress()
    written, missing = store.load(run.folder)
    found = family_of(run.spec).verify(run, written, missing, data, progress)
    # Whatever becomes of what stands beside it: the verdict is there.
    save_verdict(run.folder, found, written, Appendix(this_machine()))
    beside = appendix_of(
        written, found, wanted or Wanted(), lambda: subjects_of(run, data, progress), progress
    )
    page = report.page(found, run, [report.routes(written), *sections(found, beside)])
    save_report(run.folder, found, written, page, beside)
    return found


def save_report(
    folder: Path, found: Report, written: Sequence[Written], page: str, beside: Appendix
) -> None:
    """Write `report.json`, tied to the artifacts that it is about, and `report.html`."""
    save_verdict(folder, found, written, beside)
    with replacing(folder / REPORT_PAGE) as file:
        file.write_text(page, encoding="utf-8")


def save_verdict(folder: Path, found: Report, written: Sequence[Written], beside: Appendix) -> None:
    """The same without the page."""
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
    return pack(
        path, run.spec, written, found, text, run.recipe.bundle.licence, chosen, run.assets()
    )


def load_report(folder: Path, written: Sequence[Written]) -> Report:
    """The report of just these artifacts.

    Raises:
        ModelError: there is none, or the artifacts changed since.
    """
    path = folder / REPORT
    if not path.is_file():
        raise ModelError(f"{folder}: not verified yet; run `edgenets verify {folder}` first")
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
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
