"""Pascal VOC: an `.xml` for each image.

In `JPEGImages/`, `Annotations/*.xml`, `ImageSets/Main/*.txt`; in `data/` and `labels/`, as FiftyOne
writes them; or side by side, as LabelImg and Roboflow do, in folders of splits where there are any.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.tasks.vision.data.catalogue import (
    ByStem,
    Catalogue,
    Fault,
    Labelled,
    Thing,
    Where,
)
from edgenets.tasks.vision.data.drawn import Canvas, Drawn
from edgenets.tasks.vision.data.folders import split_folders
from edgenets.tasks.vision.data.xmlfile import read_xml
from edgenets.tasks.vision.image import is_image

IMAGES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", "ImageSets/Main"

_LISTED: dict[str, Split] = {"train": "train", "val": "validation", "test": "test"}

# Folders of images, and of annotations.
_PAIRS = (
    (IMAGES, ANNOTATIONS),
    ("images", "annotations"),
    ("data", "labels"),
    ("images", "labels"),
)


def looks_like(root: Path) -> bool:
    """Whether there are folders of both, or files side by side."""
    return any(True for _ in _places(root))


def read(root: Path, outlines: bool = False) -> Catalogue:
    """Read the set; its labels are the names in the annotations, sorted.

    Args:
        outlines: things are wanted with their pixels; these have boxes alone.
    """
    splits = _splits(root)
    found: list[Labelled] = []
    faults: list[Fault] = []
    for stated, folder, notes in _places(root):
        images = ByStem(folder)
        for file in sorted(notes.glob("*.xml")):
            try:
                path = images.find(file.stem)
                things = _things(file, path, faults)
            except DataError as exc:
                faults.append(Fault(file, f"{exc}; left out"))
                continue
            if things is not None:
                split = stated or splits.get(file.stem)
                found.append(Labelled(path, split, things=things, painted=outlines))
    listed = splits.keys() - {p.path.stem for p in found}
    faults += [
        Fault(root / LISTS, f"lists {name}, which has no image with annotations; left out")
        for name in sorted(listed - {f.file.stem for f in faults})
    ]
    catalogue = Catalogue(tuple(found), (), tuple(faults))
    return replace(catalogue, labels=catalogue.given())


def _places(root: Path) -> Iterator[tuple[Split | None, Path, Path]]:
    """(split, folder of images, folder of annotations)."""
    if not root.is_dir():
        return
    for split, place in ((None, root), *split_folders(root)):
        for pair in _PAIRS:
            images, annotations = (place / name for name in pair)
            if images.is_dir() and any(annotations.glob("*.xml")):
                yield split, images, annotations
                break
        if any(is_image(p) and p.with_suffix(".xml").is_file() for p in place.iterdir()):
            yield split, place, place


def _splits(root: Path) -> dict[str, Split]:
    """The split that a list puts an image into."""
    splits: dict[str, Split] = {}
    for name, split in _LISTED.items():
        path = root / LISTS / f"{name}.txt"
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            splits |= {line.split()[0]: split for line in lines if line.strip()}
    return splits


def _things(file: Path, image: Path, faults: list[Fault]) -> tuple[Thing, ...] | None:
    """The boxes of one annotation."""
    tree = read_xml(file)
    width, height = (_number(tree, f"size/{name}") for name in ("width", "height"))
    if tree.find("size") is None or not (width >= 0 and height >= 0):
        raise DataError("does not say how large its image is")
    # LabelImg writes 0 × 0 where it could not tell.
    stated = (width, height) if width and height else None
    canvas = Canvas.opened(image, stated, Where(file), faults)
    if canvas is None:
        return None
    things = []
    for number, node in enumerate(tree.iter("object"), 1):
        where = Where(file, entry=f"object {number}")
        drawn = _drawn(node)
        if not drawn.label:
            faults.append(where.fault("has no name; left out"))
            continue
        thing = canvas.thing(drawn, where, faults)
        things += [] if thing is None else [thing]
    return tuple(things)


def _drawn(node: ElementTree.Element) -> Drawn:
    """An object's box. VOC counts pixels from 1, and its boxes include their last."""
    label = (node.findtext("name") or "").strip()
    left, top, right, bottom = (
        _number(node, f"bndbox/{name}") for name in ("xmin", "ymin", "xmax", "ymax")
    )
    if right <= left or bottom <= top:
        return Drawn(label, (left, top, right, bottom))
    # From 1 and inclusive to from 0 and exclusive: both corners of the first end move.
    return Drawn(label, (left - 1, top - 1, right, bottom))


def _number(node: ElementTree.Element, path: str) -> float:
    text = node.findtext(path) or "nan"
    try:
        return float(text)
    except ValueError:
        return float("nan")
