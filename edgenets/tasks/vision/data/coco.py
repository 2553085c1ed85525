"""COCO: `annotations/instances_*.json` or one `.json`, with images beside or below.

Boxes are `[left, top, width, height]` in pixels; where one is missing, it is the one around the
outline, which is polygons or run lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

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
from edgenets.tasks.vision.data.drawn import Canvas, Drawn
from edgenets.tasks.vision.data.finding import Images
from edgenets.tasks.vision.data.folders import SPLIT_NAMES

T = TypeVar("T")

# What marks the name of a `.json` that is one of these, where its folder does not.
_MARKS = ("coco", "annotation", "instances", "result", "labels")

# Of the annotations that COCO's own set has beside the boxes.
_OTHERS = ("captions_", "person_keypoints_", "stuff_", "panoptic_", "image_info_")


def looks_like(root: Path) -> bool:
    """Whether a `.json` lies where COCO has its annotations, and is of its kind."""
    return any(_begins_like(file) for file in _files(root))


def read(root: Path, outlines: bool = False) -> Catalogue:
    """Read the set; its labels are the categories that are on images, by their ids.

    Args:
        root: its folder, or one `.json` with images beside or below.
        outlines: things are wanted with their pixels.

    Raises:
        DataError: a file is no COCO annotation, or larger than the limit.
    """
    files = [file for file in _files(root) if _begins_like(file) or _split(file) is not None]
    reader = _Reader(Images(root.parent if root.is_file() else root), outlines)
    for file in files:
        reader.add(file, _load(file, outlines))
    used = {t.label for item in reader.found for t in item.things}
    ordered = [reader.labels[i] for i in sorted(reader.labels, key=_order)]
    labels = dict.fromkeys(label for label in ordered if label in used)
    return Catalogue(tuple(reader.found), tuple(labels), tuple(reader.faults))


def _order(id: int | str) -> tuple[bool, int, str]:
    """Numbers by their size, texts that are no numbers behind them."""
    text = str(id)
    return (False, int(text), "") if text.lstrip("-").isdecimal() else (True, 0, text)


def _files(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    places = [root / "annotations", root]
    places += [p for p in sorted(root.iterdir()) if p.is_dir() and p.name.lower() in SPLIT_NAMES]
    every = [file for folder in places for file in sorted(folder.glob("*.json"))]
    found = [file for file in every if _may_be(file)]
    return [file for file in found if not file.name.startswith(_OTHERS)] or found


def _may_be(file: Path) -> bool:
    """Whether a file is one of these by its name, or lies where they do."""
    marked = any(mark in file.name.lower() for mark in _MARKS)
    return marked or file.parent.name == "annotations" or _split(file) is not None


def _begins_like(file: Path) -> bool:
    """Whether a file begins as an object of JSON that has COCO's keys, or is too large to tell."""
    head = head_of(file, 1 << 20)
    keys = (b'"images"', b'"annotations"', b'"categories"', b'"info"', b'"licenses"')
    return head.startswith(b"{") and any(k in head for k in keys)


def _split(file: Path) -> Split | None:
    """The split that the name of an annotation, or of its folder, says."""
    for name in (*reversed(file.stem.lower().replace("-", "_").split("_")), file.parent.name):
        word = name.lower().rstrip("0123456789")  # val2017
        if word in SPLIT_NAMES:
            return SPLIT_NAMES[word]
    return None


def _load(file: Path, outlines: bool) -> Json:
    try:
        data = read_json(file, _without_outlines(outlines))
        if not isinstance(data, dict):
            raise TypeError("no object")
        for part in ("images", "annotations", "categories"):
            if not isinstance(data[part], list):
                raise TypeError(part)
        for category in data["categories"]:
            _checked_id(category["id"])
            if not str(category["name"]).strip():
                raise ValueError("a category without a name")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise DataError(f"{file}: no COCO annotation ({type(exc).__name__}: {exc})") from exc
    return data


def _without_outlines(outlines: bool) -> Callable[[Json], Json]:
    """What is needed of an object: outlines are most of a file, and seldom are."""

    def needed(found: Json) -> Json:
        box = found.get("bbox")
        if not outlines and isinstance(box, list) and len(box) == 4:
            found.pop("segmentation", None)
        return found

    return needed


def _checked_id(id: object) -> int | str:
    if isinstance(id, bool) or not isinstance(id, (int, str)):
        raise TypeError(f"an id {id!r}")
    return id


@dataclass(frozen=True)
class _Sheet:
    """An image of a file."""

    name: str
    path: Path
    canvas: Canvas
    things: list[Thing] = field(default_factory=list)
    ignored: list[bytes] = field(default_factory=list)


@dataclass
class _Reader:
    """Collects what all files of a set say."""

    images: Images
    outlines: bool
    found: list[Labelled] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    labels: dict[int | str, str] = field(default_factory=dict)

    def add(self, file: Path, data: Json) -> None:
        """Take in a file."""
        categories: dict[int | str, str] = {}
        for category in data["categories"]:
            id, name = category["id"], str(category["name"]).strip()
            if categories.setdefault(id, name) != name:
                raise DataError(f"{file}: category {id} is both {categories[id]} and {name}")
            if self.labels.setdefault(id, name) != name:
                raise DataError(
                    f"{file}: category {id} is {name}, and {self.labels[id]} in another file"
                )
        sheets: dict[int | str, _Sheet | None] = {}
        for number, image in enumerate(data["images"]):
            self._open(file, number, image, sheets)
        for number, note in enumerate(data["annotations"]):
            self._take(file, number, note, sheets, categories)
        split = _split(file)
        self.found += [
            Labelled(
                sheet.path,
                split,
                things=tuple(sheet.things),
                painted=self.outlines,
                ignored=tuple(sheet.ignored),
            )
            for sheet in sheets.values()
            if sheet is not None
        ]

    def _open(
        self, file: Path, number: int, image: object, sheets: dict[int | str, _Sheet | None]
    ) -> None:
        """Find an image; None stands for one that is known and cannot be used."""
        where = Where(file, entry=f"images[{number}]")
        try:
            assert isinstance(image, dict)
            id, name = _checked_id(image["id"]), str(image["file_name"])
        except (AssertionError, KeyError, TypeError):
            self.faults.append(where.fault("has no id or no file_name; left out"))
            return
        where = Where(file, entry=f"image {id}")
        if id in sheets:
            self.faults.append(where.fault("this id stands there twice; the second is left out"))
            return
        sheets[id] = None
        try:
            stated = _stated(image)
            path = self.images.find(name, file.parent, _words(file))
        except (LookupError, ValueError) as exc:
            self.faults.append(where.fault(f"{exc.args[0]}; left out"))
            return
        canvas = Canvas.opened(path, stated, where, self.faults, self.outlines)
        if canvas is not None:
            sheets[id] = _Sheet(name, path, canvas)

    def _take(
        self,
        file: Path,
        number: int,
        note: object,
        sheets: dict[int | str, _Sheet | None],
        categories: dict[int | str, str],
    ) -> None:
        """Take an annotation to its image."""
        where = Where(file, entry=f"annotations[{number}]")
        try:
            assert isinstance(note, dict)
            if "id" in note:
                where = Where(file, entry=f"annotation {note['id']}")
            sheet = _known(sheets, note["image_id"], "image")
            label = _known(categories, note["category_id"], "category")
            drawn, crowd = _drawn(label, note), _is_crowd(note)
        except (AssertionError, KeyError, TypeError, ValueError, OverflowError, LookupError) as exc:
            why = f"has no {exc}" if isinstance(exc, KeyError) else exc
            self.faults.append(where.fault(f"{why or 'is no annotation'}; left out"))
            return
        if sheet is None:  # a fault of its own
            return
        thing = sheet.canvas.thing(drawn, where, self.faults)
        if thing is None:
            return
        if crowd:  # no object that could be found one by one
            sheet.ignored.extend([thing.pixels] if thing.pixels else [])
        else:
            sheet.things.append(thing)


def _known(of: Mapping[int | str, T], id: int | str, what: str) -> T:
    if id not in of:
        raise LookupError(f"there is no {what} {id}")
    return of[id]


def _is_crowd(note: Json) -> bool:
    crowd = note.get("iscrowd") or 0
    if crowd not in (0, 1):
        raise ValueError(f"iscrowd is {crowd}, neither 0 nor 1")
    return bool(crowd)


def _stated(image: Json) -> tuple[float, float] | None:
    """The size that an image is said to have; None: nothing is said.

    Raises:
        ValueError: it is no size.
    """
    sides = image.get("width"), image.get("height")
    if None in sides:
        return None
    try:
        width, height = (float(side) for side in sides if side is not None)
    except (TypeError, ValueError):
        width = height = 0.0
    if not (0 < width < 1 << 31 and 0 < height < 1 << 31):
        raise ValueError(f"its size, {sides[0]} × {sides[1]}, is none")
    return width, height


def _words(file: Path) -> Sequence[str]:
    last = file.stem.split("_")[-1]
    return last, last.rstrip("0123456789"), file.parent.name  # train2017, train


def _drawn(label: str, note: Json) -> Drawn:
    """An annotation's object; ValueError where it is none."""
    box, outline = note.get("bbox"), note.get("segmentation")
    corners = None
    if box:
        if not isinstance(box, list) or len(box) != 4:
            raise ValueError(f"bbox has {len(box)} numbers; left, top, width and height are needed")
        left, top, wide, high = (float(side) for side in box)
        corners = (left, top, left + wide, top + high)
    if isinstance(outline, dict):
        return Drawn(label, corners, runs=outline)
    rings = []
    for ring in outline or ():
        flat = np.array(ring, float).ravel()
        if len(flat) % 2:
            raise ValueError(f"its outline has {len(flat)} numbers, an odd one")
        rings.append(flat.reshape(-1, 2))
    return Drawn(label, corners, tuple(rings))
