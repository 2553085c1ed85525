"""Artifacts on disk, between conversion and bundle.

artifacts/tflite-int8.tflite …   the files
artifacts/artifacts.json         what they are, their SHA-256, and what is missing and why
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edgenets import records
from edgenets.artifact import Artifact
from edgenets.errors import ModelError, RecordError
from edgenets.files import replacing, write_json
from edgenets.recipeparts import QuantizeRecipe

from .accelerators.said import Said
from .formats import Written
from .own.options import Preparation

FOLDER = "artifacts"
INDEX = "artifacts.json"

# What versions before called them; such folders are read.
_OLD_INDEX = Path("artefacts", "artefacts.json")


@dataclass(frozen=True)
class Origin:
    """The file that artifacts came from."""

    path: str
    sha256: str
    shapes: dict[str, tuple[int, ...]]  # that its open inputs were given
    calibration: str = ""  # path of the items; nothing: none
    calibrated_on: str = ""  # SHA-256 of that file, or of the files of that folder
    variant: str = "auto"  # what form was asked for
    quantize: QuantizeRecipe = field(default_factory=QuantizeRecipe)
    preparation: Preparation = field(default_factory=Preparation)  # how files became the items
    beside: dict[str, str] = field(default_factory=dict)  # SHA-256 of further files, by path


@dataclass(frozen=True)
class _Index:
    artifacts: tuple[Artifact, ...]
    sha256: dict[str, str]  # of every file, by name
    missing: tuple[str, ...] = ()
    origin: Origin | None = None  # None: a run folder's own model
    routes: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by the artifact's id
    said: dict[str, Said] = field(default_factory=dict)  # by compilers, likewise


def save(
    folder: Path,
    written: Sequence[Written],
    missing: Sequence[str] = (),
    origin: Origin | None = None,
) -> Path:
    """Write artifacts to `folder/artifacts`; give that folder.

    Ones of before are removed: what lies there is of one model and one calibration.
    """
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    for index_file in (target / INDEX, folder / _OLD_INDEX):
        before = _files_of(index_file)
        index_file.unlink(missing_ok=True)
        for name in before:
            (index_file.parent / name).unlink(missing_ok=True)
    with suppress(OSError):  # not there, or the user has something in it
        (folder / _OLD_INDEX).parent.rmdir()
    digests = {}
    for item in written:
        for name, data in item.files.items():
            with replacing(target / name) as beside:
                beside.write_bytes(data)
            digests[name] = hashlib.sha256(data).hexdigest()
    index = _Index(
        tuple(w.artifact for w in written),
        digests,
        tuple(missing),
        origin,
        {w.artifact.id: w.route for w in written if w.route},
        {w.artifact.id: w.said for w in written if w.said},
    )
    write_json(target / INDEX, records.to_plain(index))
    return target


def _files_of(path: Path) -> list[str]:
    """Names of the files that an index lists; what it does not list is the user's own."""
    try:
        index = records.parse(_Index, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, RecordError, ValueError):
        return []
    return [n for n in index.sha256 if Path(n).name == n and (path.parent / n).is_file()]


def index_of(folder: Path) -> Path:
    """The file that lists a folder's artifacts; it need not be there."""
    path, old = folder / FOLDER / INDEX, folder / _OLD_INDEX
    return old if old.is_file() and not path.is_file() else path


def load(folder: Path) -> tuple[list[Written], tuple[str, ...]]:
    """Read the artifacts of `folder/artifacts`, and what is missing and why.

    Raises:
        ModelError: nothing was converted there, or a file changed since.
    """
    target, index = index_of(folder).parent, _index(folder)
    written = []
    for artifact in index.artifacts:
        files = {}
        for name in artifact.files:
            try:
                files[name] = (target / name).read_bytes()
            except OSError as exc:
                raise ModelError(f"{target / name}: {exc}") from exc
            if hashlib.sha256(files[name]).hexdigest() != index.sha256.get(name):
                raise ModelError(f"{target / name}: changed since it was converted")
        route, said = index.routes.get(artifact.id, ()), index.said.get(artifact.id)
        written.append(Written(artifact, files, route, said))
    return written, index.missing


def origin(folder: Path) -> Origin | None:
    """The file that the artifacts of a folder came from; None: its own model. Errors as `load`."""
    return _index(folder).origin


def _index(folder: Path) -> _Index:
    path = index_of(folder)
    if not path.is_file():
        raise ModelError(f"{folder}: no artifacts in it; run `edgenets convert {folder}` first")
    try:
        return records.parse(_Index, json.loads(path.read_text(encoding="utf-8")))
    except (RecordError, ValueError) as exc:  # ValueError: no JSON, or no UTF-8
        raise ModelError(f"{path}: {exc}; run `edgenets convert` again") from exc
