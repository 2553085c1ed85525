"""Artifacts on disk, between conversion and bundle.

artefacts/tflite-int8.tflite …   the files
artefacts/artefacts.json         what they are, their SHA-256, and what is missing and why
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgenets import records
from edgenets.artefact import Artefact
from edgenets.errors import ModelError, RecordError
from edgenets.files import replacing, write_json
from edgenets.recipeparts import QuantizeRecipe

from .accelerators.said import Said
from .formats import Written

FOLDER = "artefacts"
INDEX = "artefacts.json"


@dataclass(frozen=True)
class Origin:
    """The file that artifacts came from."""

    path: str
    sha256: str
    shapes: dict[str, tuple[int, ...]]  # that its open inputs were given
    calibration: str = ""  # path of the items; nothing: none
    calibrated_on: str = ""  # SHA-256 of that file
    wish: str = "auto"  # what form was asked for
    quantize: QuantizeRecipe = field(default_factory=QuantizeRecipe)


@dataclass(frozen=True)
class _Index:
    artefacts: tuple[Artefact, ...]
    sha256: dict[str, str]  # of every file, by name
    missing: tuple[str, ...] = ()
    origin: Origin | None = None  # None: a run folder's own model
    roads: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by the artifact's id
    said: dict[str, Said] = field(default_factory=dict)  # by compilers, likewise


def save(
    folder: Path, written: Sequence[Written], missing: Sequence[str] = (),
    origin: Origin | None = None,
) -> Path:  # fmt: skip
    """Write artifacts to `folder/artefacts`; give that folder.

    Ones of before are removed: what lies there is of one model and one calibration.
    """
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    before = _files_of(target)
    (target / INDEX).unlink(missing_ok=True)
    for name in before:
        (target / name).unlink(missing_ok=True)
    digests = {}
    for item in written:
        for name, data in item.files.items():
            with replacing(target / name) as beside:
                beside.write_bytes(data)
            digests[name] = hashlib.sha256(data).hexdigest()
    index = _Index(
        tuple(w.artefact for w in written), digests, tuple(missing), origin,
        {w.artefact.id: w.road for w in written if w.road},
        {w.artefact.id: w.said for w in written if w.said},
    )  # fmt: skip
    write_json(target / INDEX, records.to_plain(index))
    return target


def _files_of(target: Path) -> list[str]:
    """Names of the files that an index lists; what it does not list is the user's own."""
    try:
        index = records.parse(_Index, json.loads((target / INDEX).read_text(encoding="utf-8")))
    except (OSError, RecordError, ValueError):
        return []
    return [n for n in index.sha256 if Path(n).name == n and (target / n).is_file()]


def load(folder: Path) -> tuple[list[Written], tuple[str, ...]]:
    """Read the artifacts of `folder/artefacts`, and what is missing and why.

    Raises:
        ModelError: nothing was converted there, or a file changed since.
    """
    target, index = folder / FOLDER, _index(folder)
    written = []
    for artefact in index.artefacts:
        files = {}
        for name in artefact.files:
            try:
                files[name] = (target / name).read_bytes()
            except OSError as exc:
                raise ModelError(f"{target / name}: {exc}") from exc
            if hashlib.sha256(files[name]).hexdigest() != index.sha256.get(name):
                raise ModelError(f"{target / name}: changed since it was converted")
        road, said = index.roads.get(artefact.id, ()), index.said.get(artefact.id)
        written.append(Written(artefact, files, road, said))
    return written, index.missing


def origin(folder: Path) -> Origin | None:
    """The file that the artifacts of a folder came from; None: its own model. Errors as `load`."""
    return _index(folder).origin


def _index(folder: Path) -> _Index:
    path = folder / FOLDER / INDEX
    if not path.is_file():
        raise ModelError(f"{folder}: no artifacts in it; run `edgenets convert {folder}` first")
    try:
        return records.parse(_Index, json.loads(path.read_text(encoding="utf-8")))
    except (RecordError, ValueError) as exc:  # ValueError: no JSON, or no UTF-8
        raise ModelError(f"{path}: {exc}; run `edgenets convert` again") from exc
