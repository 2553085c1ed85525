"""FiftyOne: `data/` and `labels.json`, or a whole data set of its own with `samples.json`.

Boxes are left, top, width and height as fractions of the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.files import Json
from edgenets.limits import read_json
from edgenets.tasks.vision.data.catalogue import (
    Catalogue,
    Fault,
    Labelled,
    Thing,
    Where,
    head_of,
)
from edgenets.tasks.vision.data.drawn import FRACTIONS, Canvas, Drawn
from edgenets.tasks.vision.data.finding import Images
from edgenets.tasks.vision.data.folders import SPLIT_NAMES
from edgenets.tasks.vision.spec import ImageTask

FILES = ("labels.json", "samples.json")


@dataclass(frozen=True)
class _Sample:
    """An image as either file has it."""

    name: str  # of its file, or that without its suffix
    labels: object  # its label, or its objects
    split: Split | None = None


def looks_like(root: Path) -> bool:
    """Whether one of its files is there, and is of its kind."""
    file = _file(root)
    if file is None:
        return False
    head = head_of(file)
    marked = b'"labels"' in head or b'"samples"' in head
    return head.startswith(b"{") and marked and b'"annotations"' not in head


def read(root: Path, task: ImageTask) -> Catalogue:
    """Read the set; its labels are those that its file lists, else those given, sorted.

    Args:
        root: its folder, or one of its files.
        task: classify: the label of each image; else its objects.

    Raises:
        DataError: it is no such file.
    """
    file = _file(root)
    assert file is not None, "`looks_like` says so"
    images = Images(file.parent)
    classes, samples = _samples(file)
    found: list[Labelled] = []
    faults: list[Fault] = []
    for sample in samples:
        where = Where(file, entry=sample.name)
        try:
            path = images.find(sample.name, file.parent / "data")
            item = _labeled(path, sample, classes, task, where, faults)
        except (KeyError, TypeError, ValueError, IndexError, LookupError) as exc:
            faults.append(where.fault(f"{str(exc).strip(chr(34) + chr(39))}; left out"))
            continue
        found += [] if item is None else [item]
    catalogue = Catalogue(tuple(found), (), tuple(faults))
    labels = classes or catalogue.given()
    return replace(catalogue, labels=tuple(dict.fromkeys(labels)))


def _file(root: Path) -> Path | None:
    if root.is_file():
        return root if root.name in FILES else None
    return next((root / name for name in FILES if (root / name).is_file()), None)


def _samples(file: Path) -> tuple[tuple[str, ...], list[_Sample]]:
    """The classes that a file lists, and its images."""
    try:
        data = read_json(file)
        if not isinstance(data, dict):
            raise TypeError("no object")
        if file.name == "labels.json":
            classes = tuple(str(name) for name in data.get("classes") or ())
            return classes, [_Sample(str(k), v) for k, v in dict(data["labels"]).items()]
        return (), [_sample(one) for one in data["samples"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise DataError(f"{file}: no labels of FiftyOne ({type(exc).__name__}: {exc})") from exc


def _sample(plain: Json) -> _Sample:
    fields = {key: value for key, value in plain.items() if _is_labels(value)}
    fields.pop("predictions", None)
    if "ground_truth" in fields:
        fields = {"ground_truth": fields["ground_truth"]}
    if len(fields) > 1:
        raise ValueError(f"{plain['filepath']} has labels in {', '.join(fields)}; one is needed")
    tags = [tag.lower() for tag in plain.get("tags") or () if isinstance(tag, str)]
    split = next((SPLIT_NAMES[tag] for tag in tags if tag in SPLIT_NAMES), None)
    labels: object = None
    for own in fields.values():
        labels = own.get("detections", own.get("polylines", own))
    return _Sample(str(plain["filepath"]), labels, split)


def _is_labels(value: object) -> bool:
    kinds = ("Classification", "Detections", "Polylines")
    return isinstance(value, dict) and value.get("_cls") in kinds


def _labeled(
    path: Path,
    sample: _Sample,
    classes: tuple[str, ...],
    task: ImageTask,
    where: Where,
    faults: list[Fault],
) -> Labelled | None:
    """An image with its labels; None, and a fault, where it cannot be used."""
    if task == "classify":
        if sample.labels is None:
            raise ValueError("has no label")
        if isinstance(sample.labels, list):
            raise ValueError("has objects, where one label is needed")
        return Labelled(path, sample.split, label=_label(sample.labels, classes))
    if sample.labels is not None and not isinstance(sample.labels, list):
        raise ValueError("has a label, where objects are needed")
    canvas = Canvas.opened(path, None, where, faults, task == "segment")
    if canvas is None:
        return None
    things = tuple(_things(sample.labels or [], canvas, classes, where, faults))
    return Labelled(path, sample.split, things=things, painted=task == "segment")


def _label(plain: object, classes: tuple[str, ...]) -> str:
    """A label by its name or its number among the classes."""
    label = plain.get("label") if isinstance(plain, dict) else plain
    if isinstance(label, int) and not isinstance(label, bool):
        if not 0 <= label < len(classes):
            raise ValueError(f"there is no class {label}")
        return classes[label]
    if not isinstance(label, str) or not label:
        raise ValueError(f"{label!r} is no label")
    return label


def _things(
    plain: list[Json],
    canvas: Canvas,
    classes: tuple[str, ...],
    where: Where,
    faults: list[Fault],
) -> Iterator[Thing]:
    width, height = canvas.extent.width, canvas.extent.height
    for number, one in enumerate(plain):
        try:
            drawn = _drawn(one, classes, width, height)
        except (KeyError, TypeError, ValueError) as exc:
            faults.append(where.fault(f"object {number} cannot be read ({exc}); left out"))
            continue
        thing = canvas.thing(drawn, where, faults)
        if thing is not None:
            yield thing


def _drawn(one: Json, classes: tuple[str, ...], width: int, height: int) -> Drawn:
    size = np.array((width, height), float)
    label = _label(one, classes)
    if "points" in one:
        return Drawn(label, rings=tuple(np.array(ring, float) * size for ring in one["points"]))
    left, top, wide, high = (float(side) for side in one["bounding_box"])
    if not all(FRACTIONS[0] <= side <= FRACTIONS[1] for side in (left, top, wide, high)):
        raise ValueError("its bounding_box is no fractions of the image, 0 to 1")
    box = (left * width, top * height, (left + wide) * width, (top + high) * height)
    return Drawn(label, box)
