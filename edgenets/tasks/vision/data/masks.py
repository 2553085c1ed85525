"""Images and masks in two folders: `images/NAME.*` and `masks/NAME.png`, one number a pixel.

A mask numbers classes (0 background, 255 to be left out of account), or, as
nuclei have it, single instances (0 background). Names of classes stand in
`classes.txt`, one a line, the background first.
"""

from __future__ import annotations

from pathlib import Path

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.tasks.vision.data.catalogue import ByStem, Catalogue, Fault, Labelled
from edgenets.tasks.vision.data.folders import split_folders
from edgenets.tasks.vision.data.yolonames import names_of

IMAGES = ("images", "JPEGImages", "imgs", "data")
MASKS = ("masks", "labels", "SegmentationClass", "annotations")
NAMES = "classes.txt"


def looks_like(root: Path) -> bool:
    """Whether a folder of images has one of masks beside it."""
    return root.is_dir() and bool(_pairs(root))


def read(root: Path) -> Catalogue:
    """Read the set; its labels are those of `classes.txt`, else none."""
    found, faults = [], []
    for split, images, masks in _pairs(root):
        shown, drawn = ByStem(images), ByStem(masks, "mask")
        for stem in sorted({*shown, *drawn}):
            try:
                path = shown.find(stem)
            except DataError as exc:
                faults.append(Fault(masks / stem, f"{exc}; left out"))
                continue
            try:
                found.append(Labelled(path, split, mask=drawn.find(stem)))
            except DataError as exc:
                faults.append(Fault(path, f"{exc}; left out"))
    names: tuple[str, ...] = ()
    if (root / NAMES).is_file():
        names = tuple(names_of(root / NAMES).values())
    return Catalogue(tuple(found), names, tuple(faults))


def _pairs(root: Path) -> list[tuple[Split | None, Path, Path]]:
    """(split, folder of images, folder of masks)."""
    return [
        (split, place / images, place / masks)
        for split, place in ((None, root), *split_folders(root))
        for images in IMAGES
        for masks in MASKS
        if (place / images).is_dir() and (place / masks).is_dir() and [*ByStem(place / masks)]
    ]
