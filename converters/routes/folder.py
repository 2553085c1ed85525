"""From a file to a folder of artifacts, and from there to a report.

FOLDER/artifacts/     the artifacts, and where they came from
FOLDER/report.json, report.html    what verification found
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgenets.artifact import (
    FORMATS,
    OPEN,
    PRECISIONS,
    Artifact,
    Format,
    Precision,
    TensorInfo,
    id_of,
)
from edgenets.errors import ConversionError, ModelError
from edgenets.findings import Finding
from edgenets.progress import Progress
from edgenets.recipeparts import GateRecipe, QuantizeRecipe

from .. import store, ultralytics
from ..check.check import Checked, Target, check
from ..formats import Converted, Written
from ..own.items import items_of
from ..own.options import Preparation, Raw
from ..project import (
    STALE,
    Project,
    append_to_project,
    judge_project,
    search_project,
    verify_project,
)
from ..sources.source import Shapes, Source, open_source
from ..ultralytics import Ultralytics
from ..verify.appendix import Wanted
from ..verify.judge import Judge
from ..verify.mixed_precision import Repair, Subject
from ..verify.report import Section, page_of_file
from ..verify.sources import SourceReference
from ..verify.subjects import Subjects
from ..verify.verdicts import Report
from ..whole.function import fixed
from ..whole.samples import spread
from .conversion import Conversion, Seen, convert_source
from .converter import Job, Variant


def job_of(
    path: Path,
    calibration: Path | Raw | None = None,
    variant: Variant = "auto",
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    quantize: QuantizeRecipe | None = None,
    progress: Progress | None = None,
) -> Job:
    """A model to be converted.

    Args:
        path: a `.keras`, `.h5`, `.onnx` or `.tflite` file, or the folder of a SavedModel.
        calibration: items, or a folder of files that become items; see `own.items`.
        shapes: of one item each, for inputs that are open; an entry of no name is of the only one.

    Raises:
        ModelError: it cannot be read.
        DataError: the items cannot.
    """
    quantize, progress = quantize or QuantizeRecipe(), progress or Progress()
    raw = calibration if isinstance(calibration, Raw) else Raw(calibration, Preparation())
    known = _metadata_of(path)
    shapes = shapes or _size_of_script(path, known)
    how = raw.how if known is None else _with_metadata(path, raw.how, known, progress)
    raw = replace(raw, how=how)
    source = open_source(path, shapes)
    options = _named(source, shapes) or _open_size(source, known)
    if raw.path is None:
        return Job(source, None, variant, options, quantize, "", progress, raw.how)
    items = items_of(raw.path, _sized(source, options), raw.how, progress.say)
    samples, shown = spread(items.samples, quantize.samples), str(raw.path.resolve())
    return Job(source, samples, variant, options, quantize, shown, progress, raw.how)


def _metadata_of(path: Path) -> Ultralytics | None:
    """What Ultralytics wrote into a file, if it is of theirs."""
    with suppress(ModelError):  # of a task without a bundle, or damaged: it can be converted
        return ultralytics.of_file(path)
    return None


def _size_of_script(path: Path, known: Ultralytics | None) -> Shapes:
    """What metadata say of the input of a TorchScript file, which itself does not."""
    if known is None or known.size is None or path.suffix in (".onnx", ".tflite"):
        return {}
    return {"": (3, *known.size)}


def _open_size(source: Source, known: Ultralytics | None) -> dict[str, tuple[int, ...]]:
    """What they say of an image whose size a file leaves open."""
    item = source.inputs[0].item
    if known is None or known.size is None or OPEN not in item or len(item) != 3:
        return {}
    return {source.inputs[0].name: (item[0], *known.size)}


def _with_metadata(
    path: Path, how: Preparation, known: Ultralytics, progress: Progress
) -> Preparation:
    """How images go in, as metadata say it where the user does not."""
    own = known.images
    said = Preparation(None, own.color, own.resize, own.mean, own.std, own.antialias)
    made = how.over(said)
    progress.say(
        f"{path.name}: images go in {made.resize}, {made.color}, 0 … 1, as Ultralytics "
        f"does it; say --resize, --color, --mean and --std where not"
    )
    return made


def explain(
    job: Job, to: Sequence[Format], precisions: Sequence[Precision] | None
) -> dict[str, tuple[Seen, ...]]:
    """The conversion paths to every artifact; see `Conversion.routes`. Nothing is converted."""
    carrier = Conversion(job)
    wanted = [(f, p) for f in to for p in precisions or precisions_of(job.source)]
    return {id_of(f, p): carrier.routes(f, p) for f, p in wanted}


def convert_file(
    job: Job,
    out: Path,
    to: Sequence[Format] = FORMATS,
    precisions: Sequence[Precision] | None = None,
) -> Converted:
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
    for stale in STALE:
        (out / stale).unlink(missing_ok=True)
    shapes = {k: tuple(v) for k, v in job.shapes.items()}
    items = digest(Path(job.calibration)) if job.calibration else ""
    said = (job.variant, job.quantize, job.preparation)
    origin = store.Origin(str(path), digest(path), shapes, job.calibration, items, *said)
    origin = replace(origin, beside={str(f): digest(f) for f in job.source.files})
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
    folder: Path,
    data: Path,
    gate: GateRecipe | None = None,
    progress: Progress | None = None,
    wanted: Wanted | None = None,
) -> Report:
    """Hold the artifacts of a folder against the file that they came from.

    Args:
        wanted: of the report, and in it beside the gate.

    Raises:
        ModelError: nothing was converted there, or its source is gone or changed.
        DataError: the items cannot be read.
    """
    return verify_project(_project(folder, data, gate, wanted), progress, wanted)


def judge_folder(
    folder: Path, data: Path, progress: Progress | None = None, wanted: Wanted | None = None
) -> Report:
    """The gate's verdict alone; errors as `verify_folder`."""
    return judge_project(_project(folder, data, None, wanted), progress)


def append_to_folder(
    folder: Path, data: Path, progress: Progress | None = None, wanted: Wanted | None = None
) -> None:
    """What stands beside it; see `append_to_project`."""
    append_to_project(_project(folder, data, None, wanted), progress, wanted)


def search_folder(
    folder: Path,
    data: Path,
    gate: GateRecipe | None = None,
    progress: Progress | None = None,
    wanted: Wanted | None = None,
) -> tuple[tuple[Repair, ...], Report]:
    """Search mixed precision for the artifacts that did not pass; see `search_project`.

    Raises:
        ModelError: as `verify_folder`; or it was not verified.
        ConversionError: it cannot be calibrated any more, or has no layers by name.
    """
    return search_project(_project(folder, data, gate, wanted), progress, wanted)


def _project(folder: Path, data: Path, gate: GateRecipe | None, wanted: Wanted | None) -> Project:
    """A folder's artifacts, of a file."""
    kinds = wanted.kinds if wanted else {}

    def reference(progress: Progress, source: Source | None = None) -> SourceReference:
        origin = origin_of(folder)
        source = source or open_source(Path(origin.path), origin.shapes)
        how = (wanted.preparation if wanted else Preparation()).over(origin.preparation)
        items = items_of(data, _sized(source, origin.shapes), how, progress.say)
        if data.is_dir() and len(source.outputs[0].shape) > 2 and items.targets is not None:
            progress.say(
                f"{data}: a folder is a label of whole items, and '{source.outputs[0].name}' has "
                f"many answers an item; what is right is not known"
            )
            items = replace(items, targets=None)
        return SourceReference(source, items, gate, kinds)

    def subjects(progress: Progress) -> Callable[[Artifact], Subject]:
        job = _again(folder, origin_of(folder), progress)
        found = reference(progress, job.source)
        return Subjects(job, found.items.samples, found.wanted, Judge(found).verdict).of

    def page(found: Report, written: Sequence[Written], extra: Sequence[Section]) -> str:
        return page_of_file(found, Path(origin_of(folder).path), written, extra)

    return Project(folder, reference, subjects, page)


def _again(folder: Path, origin: store.Origin, progress: Progress) -> Job:
    """The job that a folder's artifacts came from."""
    variant: Any = origin.variant
    items = Path(origin.calibration)
    there = origin.calibration and items.exists()
    if not there or digest(items) != origin.calibrated_on:
        raise ConversionError(
            f"{folder}: the items that it was calibrated on are not there, or others by now"
            f"{f' ({origin.calibration})' if origin.calibration else ''}; convert it again with "
            f"--calibration"
        )
    raw = Raw(items, origin.preparation)
    return job_of(Path(origin.path), raw, variant, origin.shapes, origin.quantize, progress)


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
    for name, sha256 in origin.beside.items():
        if not Path(name).is_file() or digest(Path(name)) != sha256:
            raise ModelError(f"{name}: is gone, or changed since it was converted; convert again")
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
    """Sizes by the names of inputs."""
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
    return [fixed(info, shapes) if info.name in shapes else info for info in source.inputs]
