"""Pascal VOC: `JPEGImages/`, `Annotations/*.xml`, `ImageSets/Main/*.txt`."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.tasks.vision.data.catalogue import (
    Catalogue,
    Fault,
    Labelled,
    Thing,
    checked_box,
    images_by_stem,
)

IMAGES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", "ImageSets/Main"

_LISTED: dict[str, Split] = {"train": "train", "val": "validation", "test": "test"}

# Nobody annotates by hand what makes a file longer than this.
_LONGEST = 16 << 20  # bytes


def looks_like(root: Path) -> bool:
    """Whether the two folders are there."""
    return (root / ANNOTATIONS).is_dir() and (root / IMAGES).is_dir()


def read(root: Path) -> Catalogue:
    """Read the set; its labels are the names in the annotations, sorted."""
    images = images_by_stem(root / IMAGES)
    splits = _splits(root)
    found, faults, labels = [], [], set()
    for file in sorted((root / ANNOTATIONS).glob("*.xml")):
        path = images.get(file.stem)
        if path is None:
            faults.append(Fault(file, f"its image {IMAGES}/{file.stem}.* is missing; left out"))
            continue
        try:
            things, wrong = _things(file)
        except (DataError, ElementTree.ParseError) as exc:
            faults.append(Fault(file, f"{exc}; left out"))
            continue
        labels |= {t.label for t in things}
        faults += wrong
        found.append(Labelled(path, splits.get(file.stem), things=things))
    listed = splits.keys() - {p.path.stem for p in found}
    faults += [
        Fault(root / LISTS, f"lists {name}, which has no image with annotations; left out")
        for name in sorted(listed - {f.file.stem for f in faults})
    ]
    return Catalogue(tuple(found), tuple(sorted(labels)), tuple(faults))


def _splits(root: Path) -> dict[str, Split]:
    """The split that a list puts an image into."""
    splits: dict[str, Split] = {}
    for name, split in _LISTED.items():
        path = root / LISTS / f"{name}.txt"
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            splits |= {line.split()[0]: split for line in lines if line.strip()}
    return splits


def _things(file: Path) -> tuple[tuple[Thing, ...], list[Fault]]:
    """The boxes of one annotation. VOC counts pixels from 1, and its boxes include their last."""
    if file.stat().st_size > _LONGEST:
        raise DataError("is absurdly long")
    text = file.read_text(encoding="utf-8", errors="replace")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise DataError("has a document type, which no annotation needs and an attack does")
    tree = ElementTree.fromstring(text)
    width, height = (_number(tree, f"size/{name}") for name in ("width", "height"))
    if not (width >= 1 and height >= 1):
        raise DataError("does not say how large its image is")
    things, faults = [], []
    for node in tree.iter("object"):
        label = (node.findtext("name") or "").strip()
        if not label:
            faults.append(Fault(file, "an object has no name; left out"))
            continue
        left, top, right, bottom = (
            _number(node, f"bndbox/{name}") for name in ("xmin", "ymin", "xmax", "ymax")
        )
        # From 1 and inclusive to from 0 and exclusive: both corners of the first end move.
        drawn = Thing(label, left - 1, top - 1, right, bottom)
        if right <= left or bottom <= top:
            drawn = Thing(label, left, top, right, bottom)
        thing, fault = checked_box(drawn, int(width), int(height), file)
        things += [thing] if thing is not None else []
        faults += [fault] if fault is not None else []
    return tuple(things), faults


def _number(node: ElementTree.Element, path: str) -> float:
    text = node.findtext(path) or "nan"
    try:
        return float(text)
    except ValueError:
        return float("nan")
