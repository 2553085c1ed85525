"""What Ultralytics writes into the files that it exports: names, task, how boxes come."""

from __future__ import annotations

import ast
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgenets.errors import MissingExtra, ModelError
from edgenets.extras import require
from edgenets.tasks.vision.spec import LARGEST_SIDE, ImageTask, Scores

from .image_input import Preprocessing
from .labels import listed
from .opened import BoxesAs, DetailAs, OutputsAs

# Texts in files of others are no longer.
_LONGEST = 1 << 20


@dataclass(frozen=True)
class _Task:
    """One of its tasks, as edgenets has it."""

    task: ImageTask
    detail: DetailAs = "none"  # what comes with each box
    scores: Scores | None = "probabilities"  # None: of masks it is seen what they are
    resize: str = "letterbox"
    antialias: bool = False  # classifiers see what torchvision resizes, all others what OpenCV does


_TASKS = {
    "detect": _Task("detect"),
    "segment": _Task("detect", "masks"),
    "pose": _Task("detect", "keypoints"),
    "obb": _Task("detect", "rotation"),
    "classify": _Task("classify", resize="crop", antialias=True),
    "semantic": _Task("segment", scores=None),
}

# Where they stand in a zip at the end of a TFLite file, of today and of before, and in TorchScript.
_MEMBERS = ("metadata.json", "temp_meta.txt", "extra/config.txt")

# What a damaged zip, or a text in it that is no table, ends with.
_UNREADABLE = (
    *(zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, zlib.error, EOFError),
    *(ValueError, SyntaxError, MemoryError, RecursionError),
)

# What its own prediction does where nothing else is said.
THRESHOLD, IOU, MOST = 0.25, 0.7, 300


@dataclass(frozen=True)
class Ultralytics:
    """The part of its metadata that decides something."""

    task: ImageTask
    own_task: str  # as Ultralytics calls it
    labels: tuple[str, ...]
    outputs: OutputsAs
    resize: str
    antialias: bool
    size: tuple[int, int] | None = None  # height and width of its images, pixels

    @property
    def images(self) -> Preprocessing:
        """How images go in."""
        return Preprocessing("rgb", self.resize, (0.0,), (255.0,), self.antialias)


def read(where: str, said: Mapping[str, object]) -> Ultralytics | None:
    """Metadata of a file; None: it is not of Ultralytics.

    Args:
        where: the file, for messages.
        said: values by name, or what Python wrote of them.

    Raises:
        ModelError: it is a model of a task that has no bundle, or what is said is damaged.
    """
    if said.get("author") != "Ultralytics" or "task" not in said:
        return None
    own_task = str(said["task"])
    if own_task not in _TASKS:
        raise ModelError(
            f"{where}: is a model of Ultralytics for '{own_task}'; {', '.join(_TASKS)} have bundles"
        )
    kind = _TASKS[own_task]
    detail = kind.detail
    if detail == "keypoints" and _numbers_a_keypoint(where, said) == 2:
        detail = "keypoints-xy"
    transformer = "rtdetr" in f"{said.get('head')} {said.get('description')}".lower()
    outputs = OutputsAs(kind.scores, _boxes(where, said, detail, transformer), detail)
    resize = "stretch" if transformer else kind.resize
    labels = _labels(where, said)
    size = _size(where, said)
    return Ultralytics(kind.task, own_task, labels, outputs, resize, kind.antialias, size)


def of_file(path: Path, name: str | None = None) -> Ultralytics | None:
    """What a model's own file says; errors as `read`.

    Args:
        name: for messages; None: that of the file.
    """
    if path.suffix == ".keras" or not path.is_file():
        return None
    return read(name or path.name, metadata_in(path.suffix[1:], path.read_bytes()))


def _size(where: str, said: Mapping[str, object]) -> tuple[int, int] | None:
    """Height and width of its images."""
    sides = _value(where, said, "imgsz") if "imgsz" in said else None
    if not isinstance(sides, (list, tuple)) or len(sides) != 2:
        return None
    high, wide = sides
    known = all(isinstance(n, int) and 1 <= n <= LARGEST_SIDE for n in sides)
    return (high, wide) if known else None


def _labels(where: str, said: Mapping[str, object]) -> tuple[str, ...]:
    """The labels, from a table by number, or a list."""
    names = _value(where, said, "names")
    named = dict(enumerate(names)) if isinstance(names, (list, tuple)) else names
    numbered = {str(n): name for n, name in named.items()} if isinstance(named, dict) else {}
    if not numbered or set(numbered) != set(map(str, range(len(numbered)))):
        raise ModelError(f"{where}: its metadata name no labels, one for each number from 0 on")
    labels = [" ".join(str(numbered[str(i)]).split()) for i in range(len(numbered))]
    return listed("\n".join(label or f"label {i}" for i, label in enumerate(labels)))


def _numbers_a_keypoint(where: str, said: Mapping[str, object]) -> int:
    """2 (x, y) or 3 (and how surely it is seen)."""
    shape = _value(where, said, "kpt_shape") if "kpt_shape" in said else None
    return 2 if isinstance(shape, (list, tuple)) and list(shape[1:]) == [2] else 3


def _boxes(where: str, said: Mapping[str, object], detail: DetailAs, transformer: bool) -> BoxesAs:
    """How boxes come."""
    arguments = _value(where, said, "args") if "args" in said else {}
    suppressed = isinstance(arguments, dict) and bool(arguments.get("nms"))
    is_list = suppressed or str(said.get("end2end")) == "True"
    if transformer or (is_list and detail == "rotation"):
        return "centred"
    return "list" if is_list else "grid"


def metadata_in(format: str, model: bytes) -> Mapping[str, object]:
    """What a file says of itself, by name: nothing where that is not found.

    Args:
        format: "onnx", or another, whose metadata are files in a zip.
    """
    if format != "onnx":
        return _zipped(model)
    try:
        found = require("onnx").load_model_from_string(model)
    except MissingExtra:
        return {}
    return {entry.key: entry.value for entry in found.metadata_props}


def _zipped(model: bytes) -> Mapping[str, object]:
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(_MEMBERS) and entry.file_size < _LONGEST:
                    text = archive.read(entry).decode("utf-8")
                    found = json.loads(text) if text[:2] != "{'" else ast.literal_eval(text)
                    return found if isinstance(found, dict) else {}
    except _UNREADABLE:
        pass
    return {}


def _value(where: str, said: Mapping[str, object], name: str) -> object:
    """A value, or what Python wrote of it."""
    found = said.get(name, "")
    if not isinstance(found, str):
        return found
    try:
        if len(found) > _LONGEST:
            raise ValueError("is too long")
        read: object = ast.literal_eval(found)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as exc:
        raise ModelError(f"{where}: its metadata '{name}' cannot be read: {exc}") from exc
    return read
