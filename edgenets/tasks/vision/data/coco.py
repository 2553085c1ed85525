"""COCO: `annotations/instances_*.json` or one `.json`, with images beside.

Boxes are what is taken: `[left, top, width, height]` in pixels.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.files import Json
from edgenets.limits import read_json
from edgenets.tasks.vision.data.catalogue import Catalogue, Fault, Labelled, Thing, checked_box
from edgenets.tasks.vision.data.folders import SPLIT_NAMES

# Where images lie, relative to the set's folder and to the annotation's own.
_PLACES = ("images", "images/{split}", "{split}", "{split}/images", "JPEGImages", ".")


def looks_like(root: Path) -> bool:
    """Whether a `.json` lies where COCO has its annotations."""
    return bool(_files(root))


def read(root: Path) -> Catalogue:
    """Read the set; its labels are the categories that have boxes, by their ids.

    Raises:
        DataError: a file is no COCO annotation, or larger than the limit.
    """
    found: list[Labelled] = []
    faults: list[Fault] = []
    labels: dict[int, str] = {}
    for file in _files(root):
        data = _load(file)
        categories = {c["id"]: str(c["name"]) for c in data["categories"]}
        labels |= categories
        found += _images(root, file, data, categories, faults)
    used = {t.label for p in found for t in p.things}
    ordered = [labels[i] for i in sorted(labels) if labels[i] in used]
    return Catalogue(tuple(found), tuple(dict.fromkeys(ordered)), tuple(faults))


def _files(root: Path) -> list[Path]:
    places = [root / "annotations", root]
    places += [p for p in sorted(root.iterdir()) if p.is_dir() and p.name.lower() in SPLIT_NAMES]
    return [
        file
        for folder in places
        if folder.is_dir()
        for file in sorted(folder.glob("*.json"))
        if _split(file) is not None
        or folder.name == "annotations"
        or "coco" in file.name.lower()
        or "annotation" in file.name.lower()
        or "instances" in file.name.lower()
    ]


def _split(file: Path) -> Split | None:
    """The split that the name of an annotation, or of its folder, says."""
    for name in (*reversed(file.stem.lower().replace("-", "_").split("_")), file.parent.name):
        word = name.rstrip("0123456789")  # val2017
        if word in SPLIT_NAMES:
            return SPLIT_NAMES[word]
    return None


def _load(file: Path) -> Json:
    try:
        data = read_json(file, _needed)
        if not isinstance(data, dict):
            raise TypeError("no object")
        for part in ("images", "annotations", "categories"):
            if not isinstance(data[part], list):
                raise TypeError(part)
        for category in data["categories"]:
            if not isinstance(category["id"], int):
                raise TypeError("categories")
            category["name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise DataError(f"{file}: no COCO annotation ({type(exc).__name__}: {exc})") from exc
    return data


def _needed(found: Json) -> Json:
    """What is needed of an object; outlines of objects are most of a file, and are not."""
    found.pop("segmentation", None)
    return found


def _images(
    root: Path, file: Path, data: Json, categories: dict[int, str], faults: list[Fault]
) -> list[Labelled]:
    """The images of one file; faults are added to those given."""
    things: dict[Any, list[Thing]] = {}
    sizes = {}
    for image in data["images"]:
        try:
            sizes[image["id"]] = (
                str(image["file_name"]),
                _extent(image["width"]),
                _extent(image["height"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError):  # OverflowError: of infinity
            faults.append(Fault(file, "an image has no id, name or size; left out"))
    for note in data["annotations"]:
        try:
            name, width, height = sizes[note["image_id"]]
            label = categories[note["category_id"]]
            left, top, wide, high = map(float, note["bbox"])
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            faults.append(Fault(file, f"an annotation is broken ({type(exc).__name__}); left out"))
            continue
        if note.get("iscrowd"):
            continue  # a crowd is no object that could be found one by one
        drawn = Thing(label, left, top, left + wide, top + high)
        thing, fault = checked_box(drawn, width, height, Path(f"{file} ({name})"))
        if thing is not None:
            things.setdefault(note["image_id"], []).append(thing)
        if fault is not None:
            faults.append(fault)
    found = []
    split = _split(file)
    for id, (name, _, _) in sizes.items():
        path = _find(root, file, name)
        if path is None:
            faults.append(Fault(file, f"its image {name} is missing; left out"))
        else:
            found.append(Labelled(path, split, things=tuple(things.get(id, ()))))
    return found


def _extent(value: float | str) -> int:
    """A width or height in pixels; ValueError where no image has it."""
    extent = int(value)
    if not 0 < extent < 1 << 31:
        raise ValueError(extent)
    return extent


def _find(root: Path, file: Path, name: str) -> Path | None:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return None
    last = file.stem.split("_")[-1]
    words = [last, last.rstrip("0123456789"), file.parent.name]  # train2017, train
    for base in (root, file.parent):
        for place in _PLACES:
            for word in words:
                path = base / place.format(split=word) / name
                with contextlib.suppress(OSError):  # a name longer than names may be
                    if path.is_file():
                        return path
    return None
