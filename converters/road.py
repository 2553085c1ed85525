"""The road from a run folder to a bundle, stage by stage, on disk.

RUN/model.keras, spec.json …      what training left
RUN/artefacts/                    `convert_run`
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
from edgenets.artefact import FORMATS, PRECISIONS, Format, Precision
from edgenets.bundle import Bundle
from edgenets.errors import ModelError
from edgenets.files import replacing, write_json
from edgenets.progress import Progress

from . import card, report, store
from .family import family_of
from .formats import Converted, Written
from .pack import pack
from .verdicts import Report

REPORT, REPORT_PAGE = "report.json", "report.html"


def convert_run(
    run: runs.Run,
    data: Path | None,
    to: Sequence[Format] = FORMATS,
    precisions: Sequence[Precision] = PRECISIONS,
    progress: Progress | None = None,
) -> Converted:
    """Convert a trained model, calibrated on its training split, into `RUN/artefacts`.

    Raises:
        ConversionError: the model cannot be converted, or integers are wanted without data.
    """
    progress = progress or Progress()
    found = family_of(run.spec).convert(run, data, to, precisions, progress)
    store.save(run.folder, found.written, found.missing)
    return found


def verify_run(run: runs.Run, data: Path, progress: Progress | None = None) -> Report:
    """Verify `RUN/artefacts` on the validation split; write `report.json` and `report.html`.

    Raises:
        ModelError: nothing was converted.
    """
    written, missing = store.load(run.folder)
    found = family_of(run.spec).verify(run, written, missing, data, progress or Progress())
    save_report(run.folder, found, written, report.page(found, run))
    return found


def save_report(folder: Path, found: Report, written: Sequence[Written], page: str) -> None:
    """Write `report.json`, tied to the artefacts that it is about, and `report.html`."""
    plain = records.to_plain(found)
    write_json(folder / REPORT, {"artefacts": fingerprint(written), **plain})
    with replacing(folder / REPORT_PAGE) as beside:
        beside.write_text(page, encoding="utf-8")


def pack_run(run: runs.Run, path: Path, only: Collection[str] | None = None) -> Bundle:
    """Bundle the artefacts that passed.

    Args:
        only: ids to take; None takes those of the recipe's `[bundle]`.

    Raises:
        ModelError: the artefacts were not verified, or not these.
        GateFailed: none passed, or one that is to be taken did not.
    """
    written, _ = store.load(run.folder)
    found = load_report(run.folder, written)
    chosen = only if only is not None else run.recipe.bundle.artefacts
    text = card.write(run, found)
    return pack(
        path, run.spec, written, found, text, run.recipe.bundle.licence, chosen, run.assets()
    )


def load_report(folder: Path, written: Sequence[Written]) -> Report:
    """The report of just these artefacts.

    Raises:
        ModelError: there is none, or the artefacts changed since.
    """
    path = folder / REPORT
    if not path.is_file():
        raise ModelError(f"{folder}: not verified yet; run `edgenets verify {folder}` first")
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if data.pop("artefacts", None) != fingerprint(written):
        raise ModelError(f"{path}: is of other artefacts; run `edgenets verify {folder}` again")
    return records.parse(Report, data, str(path))


def fingerprint(written: Sequence[Written]) -> dict[str, str]:
    """What ties a report to the files that it is about."""
    return {n: hashlib.sha256(d).hexdigest() for w in written for n, d in w.files.items()}
