"""From a file to a folder of artefacts, and from there to a report.

FOLDER/artefacts/     the artefacts, and where they came from
FOLDER/report.json, report.html    what verification found
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgenets.artefact import FORMATS, PRECISIONS, Format, Precision, TensorInfo, id_of
from edgenets.data.items import read_items
from edgenets.errors import ModelError
from edgenets.progress import Progress
from edgenets.recipeparts import GateRecipe, QuantizeRecipe

from .. import store
from ..check.check import Checked, Target, check
from ..formats import Converted
from ..report import page_of_file
from ..road import save_report
from ..sources.source import Source, open_source
from ..verdicts import Report
from ..whole.samples import spread
from ..whole.verify import verify_source
from .carry import Carrier, Seen, convert_source
from .edge import Job, Wish


def job_of(
    path: Path, calibration: Path | None = None, wish: Wish = "auto",
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
    wishes = _named(source, shapes or {})
    quantize = quantize or QuantizeRecipe()
    samples = None
    if calibration is not None:
        samples = spread(read_items(calibration, _sized(source, wishes)).samples, quantize.clips)
    return Job(source, samples, wish, wishes, quantize, progress or Progress())


def explain(
    job: Job, to: Sequence[Format], precisions: Sequence[Precision] | None
) -> dict[str, tuple[Seen, ...]]:
    """The roads to every artefact; see `Carrier.roads`. Nothing is converted."""
    carrier = Carrier(job)
    wanted = [(f, p) for f in to for p in precisions or precisions_of(job.source)]
    return {id_of(f, p): carrier.roads(f, p) for f, p in wanted}


def convert_file(
    job: Job, out: Path, to: Sequence[Format] = FORMATS,
    precisions: Sequence[Precision] | None = None,
) -> Converted:  # fmt: skip
    """Convert a model into `out/artefacts`.

    Args:
        precisions: None: every one that the model can still have.

    Raises:
        ConversionError: nothing could be converted; it says of everything why.
    """
    found = convert_source(job, to, precisions or precisions_of(job.source))
    path = job.source.path.resolve()
    origin = store.Origin(str(path), digest(path), {k: tuple(v) for k, v in job.shapes.items()})
    store.save(out, found.written, found.missing, origin)
    return found


def verify_folder(
    folder: Path, data: Path, gate: GateRecipe | None = None, progress: Progress | None = None
) -> Report:
    """Hold the artefacts of a folder against the file that they came from.

    Raises:
        ModelError: nothing was converted there, or its source is gone or changed.
        DataError: the items cannot be read.
    """
    written, missing = store.load(folder)
    origin = store.origin(folder)
    if origin is None:
        raise ModelError(f"{folder}: its artefacts came from no file; convert one into it")
    path = Path(origin.path)
    if not path.exists() or digest(path) != origin.sha256:
        raise ModelError(f"{path}: is gone, or changed since it was converted; convert it again")
    source = open_source(path)
    items = read_items(data, _sized(source, origin.shapes))
    found = verify_source(source, written, items, gate, missing, progress)
    save_report(folder, found, written, page_of_file(found, path, written))
    return found


def check_file(
    job: Job, target: Target, to: Sequence[Format], precisions: Sequence[Precision] | None
) -> tuple[Checked, ...]:
    """What a board would make of a model: of a file that is an artefact, as it is; of any other,
    of what it would be converted to. Nothing is written; errors as `convert_file`.

    Args:
        precisions: None: fp32, and int8 where there are items to calibrate on.
    """
    source = job.source
    own: Format | None = source.kind if source.kind in FORMATS else None
    usual: tuple[Precision, ...] = ("fp32", "int8") if job.samples else ("fp32",)
    if source.precision != "fp32" or (own and precisions is None):
        usual = (source.precision,)
    return check(convert_source(job, (own,) if own else to, precisions or usual).written, target)


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
