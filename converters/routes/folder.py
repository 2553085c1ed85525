"""From a file to a folder of artifacts, and from there to a report.

FOLDER/artifacts/     the artifacts, and where they came from
FOLDER/report.json, report.html    what verification found
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgenets.artifact import FORMATS, PRECISIONS, Format, Precision, TensorInfo, id_of
from edgenets.choice import this_machine
from edgenets.data.items import read_items
from edgenets.errors import ConversionError, EdgenetsError, ModelError
from edgenets.findings import Finding
from edgenets.progress import Progress
from edgenets.recipeparts import GateRecipe, QuantizeRecipe

from .. import store
from ..accelerators import edgetpu
from ..appendix import Appendix, Wanted, appendix_of
from ..check.check import Checked, Target, check
from ..formats import Converted, Written
from ..project import REPORT, REPORT_PAGE, load_report, save_report, save_verdict
from ..repair import MENDED, Repair, is_rounded, repaired, write_repairs
from ..report import page_of_file
from ..report_appendix import sections
from ..sources.source import Source, open_source
from ..verdicts import Report
from ..whole.samples import spread
from ..whole.verify import Judge, verify_source
from .conversion import Conversion, Seen, convert_source
from .converter import Job, Variant
from .mend import Subjects


def job_of(
    path: Path, calibration: Path | None = None, variant: Variant = "auto",
    shapes: Mapping[str, tuple[int, ...]] | None = None, quantize: QuantizeRecipe | None = None,
    progress: Progress | None = None,
) -> Job:  # fmt: skip
    """A model to be converted.

    Args:
        path: a `.keras`, `.h5`, `.onnx` or `.tflite` file, or the folder of a SavedModel.
        calibration: a `.npy` or `.npz` of items; see `edgenets.data.items`.
        shapes: of one item each, for inputs that are open; an entry of no name is of the only one.

    Raises:
        ModelError: it cannot be read.
        DataError: the items cannot.
    """
    source = open_source(path)
    options = _named(source, shapes or {})
    quantize = quantize or QuantizeRecipe()
    samples = None
    if calibration is not None:
        samples = spread(read_items(calibration, _sized(source, options)).samples, quantize.samples)
    shown = "" if calibration is None else str(calibration.resolve())
    return Job(source, samples, variant, options, quantize, shown, progress or Progress())


def explain(
    job: Job, to: Sequence[Format], precisions: Sequence[Precision] | None
) -> dict[str, tuple[Seen, ...]]:
    """The conversion paths to every artifact; see `Conversion.routes`. Nothing is converted."""
    carrier = Conversion(job)
    wanted = [(f, p) for f in to for p in precisions or precisions_of(job.source)]
    return {id_of(f, p): carrier.routes(f, p) for f, p in wanted}


def convert_file(
    job: Job, out: Path, to: Sequence[Format] = FORMATS,
    precisions: Sequence[Precision] | None = None,
) -> Converted:  # fmt: skip
    """Convert a model into `out/artifacts`.

    Args:
        precisions: None: every one that the model can still have.

    Raises:
        ConversionError: nothing could be converted; it says of everything why.
        ModelError: artifacts of another model are there.
    """
    path = job.source.path.resolve()
    _check_ours(out, path)
    found = convert_source(job, to, precisions or precisions_of(job.source))
    # They are about artifacts of before.
    for stale in (REPORT, REPORT_PAGE, MENDED):
        (out / stale).unlink(missing_ok=True)
    shapes = {k: tuple(v) for k, v in job.shapes.items()}
    items = digest(Path(job.calibration)) if job.calibration else ""
    origin = store.Origin(
        str(path), digest(path), shapes, job.calibration, items, job.variant, job.quantize
    )
    store.save(out, found.written, found.missing, origin)
    return found


def _check_ours(folder: Path, path: Path) -> None:
    try:
        before = store.origin(folder)
    except ModelError:  # none there, or an index that is no more to be read
        return
    if before is None or before.path != str(path):
        whose = "a run of `edgenets train`" if before is None else Path(before.path).name
        raise ModelError(
            f"{folder}: has artifacts of {whose} in it; say another --out, or remove "
            f"{folder / store.FOLDER}"
        )


def verify_folder(
    folder: Path, data: Path, gate: GateRecipe | None = None, progress: Progress | None = None,
    wanted: Wanted | None = None,
) -> Report:  # fmt: skip
    """Hold the artifacts of a folder against the file that they came from.

    Args:
        wanted: in the report, beside the gate.

    Raises:
        ModelError: nothing was converted there, or its source is gone or changed.
        DataError: the items cannot be read.
    """
    written, missing = store.load(folder)
    origin = origin_of(folder)
    path = Path(origin.path)
    source = open_source(path)
    items = read_items(data, _sized(source, origin.shapes))
    progress = progress or Progress()
    found = verify_source(source, written, items, gate, missing, progress)

    def subjects() -> Any:
        job = _again(folder, origin, progress)
        judge = Judge(job.source, items, gate)
        return Subjects(job, items.samples, judge.wanted, judge.verdict).of

    # Whatever becomes of what stands beside it: the verdict is there.
    save_verdict(folder, found, written, Appendix(this_machine()))
    beside = appendix_of(written, found, wanted or Wanted(), subjects, progress)
    page = page_of_file(found, path, written, sections(found, beside))
    save_report(folder, found, written, page, beside)
    return found


def mend_folder(
    folder: Path, data: Path, gate: GateRecipe | None = None, progress: Progress | None = None,
    wanted: Wanted | None = None,
) -> tuple[tuple[Repair, ...], Report]:  # fmt: skip
    """Mend the artifacts in int8 that did not pass, and verify all of them again.

    Returns:
        a repair of each, and the new report.

    Raises:
        ModelError: as `verify_folder`; or it was not verified.
        ConversionError: it cannot be calibrated any more, or has no layers by name.
    """
    progress = progress or Progress()
    written, missing = store.load(folder)
    report, origin = load_report(folder, written), origin_of(folder)
    failed = [v.id for v in report.verdicts if not v.passed and is_rounded(v.precision)]
    if not failed:
        return (), report
    job = _again(folder, origin, progress)
    items = read_items(data, _sized(job.source, origin.shapes))
    judge = Judge(job.source, items, gate)
    subjects = Subjects(job, items.samples, judge.wanted, judge.verdict)
    repairs, mended = repaired(written, failed, subjects.of, progress)
    mended, gone = _recompiled(mended)
    store.save(folder, mended, (*missing, *gone), origin)
    write_repairs(folder, repairs)
    found = replace(wanted or Wanted(), repairs=repairs)
    return repairs, verify_folder(folder, data, gate, progress, found)


def _recompiled(written: Sequence[Written]) -> tuple[list[Written], list[str]]:
    """Artifacts of a compiler made anew of what they were made of, where that is another by now.

    Returns:
        all of them, and why one could not be.
    """
    made, gone = [], []
    sources = {w.artifact.id: w for w in written}
    for item in written:
        source = sources.get(id_of("tflite", "int8", item.artifact.part))
        if not item.artifact.compiled_from or source is None:
            made.append(item)
            continue
        (content,) = source.files.values()
        if hashlib.sha256(content).hexdigest() == item.artifact.compiled_from:
            made.append(item)
            continue
        try:
            made.append(replace(edgetpu.compiled(source), route=item.route))
        except EdgenetsError as exc:
            gone.append(f"{item.artifact.id}: what it was compiled from was mended; {exc}")
    return made, gone


def _again(folder: Path, origin: store.Origin, progress: Progress) -> Job:
    """The job that a folder's artifacts came of."""
    variant: Any = origin.variant
    items = Path(origin.calibration)
    there = origin.calibration and items.is_file()
    if not there or digest(items) != origin.calibrated_on:
        raise ConversionError(
            f"{folder}: the items that it was calibrated on are not there, or others by now"
            f"{f' ({origin.calibration})' if origin.calibration else ''}; convert it again with "
            f"--calibration"
        )
    return job_of(Path(origin.path), items, variant, origin.shapes, origin.quantize, progress)


def origin_of(folder: Path) -> store.Origin:
    """Where the artifacts of a folder came from.

    Raises:
        ModelError: that is not known, or is gone or changed.
    """
    origin = store.origin(folder)
    if origin is None:
        raise ModelError(f"{folder}: its artifacts came from no file; convert one into it")
    path = Path(origin.path)
    if not path.exists() or digest(path) != origin.sha256:
        raise ModelError(f"{path}: is gone, or changed since it was converted; convert it again")
    return origin


def check_file(
    job: Job, target: Target, to: Sequence[Format], precisions: Sequence[Precision] | None
) -> tuple[Checked, ...]:
    """What a board would make of a model: of a file that is an artifact, as it is; of any other,
    of what it would be converted to. Nothing is written; errors as `convert_file`. What could not
    be converted stands there, too, and what stops it.

    Args:
        precisions: None: fp32, and int8 where there are items to calibrate on.
    """
    source = job.source
    own: Format | None = source.kind if source.kind in FORMATS else None
    usual: tuple[Precision, ...] = ("fp32", "int8") if job.samples else ("fp32",)
    if source.precision != "fp32" or (own and precisions is None):
        usual = (source.precision,)
    found = convert_source(job, (own,) if own else to, precisions or usual)
    return (*check(found.written, target), *map(_not_there, found.missing))


def _not_there(line: str) -> Checked:
    name, _, why = line.partition(": ")
    return Checked(name.replace(" in ", "-"), 0, (Finding("stop", "conversion", why),))


def precisions_of(source: Source) -> tuple[Precision, ...]:
    """What a model can still be rounded to."""
    return PRECISIONS if source.precision == "fp32" else (source.precision,)


def digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    found = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        found.update(f"{file.relative_to(path)}\0{file.stat().st_size}\0".encode())
        found.update(file.read_bytes())
    return found.hexdigest()


def _named(source: Source, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Wishes by the names of inputs."""
    names = [info.name for info in source.inputs]
    if "" in shapes and len(names) > 1:
        raise ModelError(
            f"{source.path}: takes {', '.join(names)}; say of which the shape is: --shape NAME=…"
        )
    found = {name or names[0]: shape for name, shape in shapes.items()}
    if unknown := sorted(set(found) - set(names)):
        raise ModelError(f"{source.path}: takes no {', '.join(unknown)}, only {', '.join(names)}")
    return found


def _sized(source: Source, shapes: Mapping[str, tuple[int, ...]]) -> list[TensorInfo]:
    return [
        replace(info, shape=(1, *shapes[info.name])) if info.name in shapes else info
        for info in source.inputs
    ]
