"""`LABEL/*.jpg`, or `train/LABEL/*.jpg` beside `val/LABEL/*.jpg`: one folder a label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.tasks.vision.data.catalogue import Catalogue, Fault, Labelled
from edgenets.tasks.vision.image import is_image

# What people call the folders of a set that is divided already.
SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def looks_like(root: Path) -> bool:
    """Whether some folder below holds images."""
    return root.is_dir() and any(images_below(folder) for _, folder in _label_folders(root))


def read(root: Path) -> Catalogue:
    """Read the set; its labels are the folders' names, sorted.

    Raises:
        DataError: a label has no images.
    """
    folders = _label_folders(root)
    found = [
        Labelled(path, split, label=folder.name)
        for split, folder in folders
        for path in images_below(folder)
    ]
    names = {folder.name for _, folder in folders}
    empty = names - {p.label for p in found}
    if empty:
        raise DataError(f"{root}: no images in {', '.join(sorted(empty))}")
    faults = _left_out(root, [folder for _, folder in folders])
    return Catalogue(tuple(found), tuple(sorted(names)), tuple(faults))


def _left_out(root: Path, labels: Sequence[Path]) -> Iterator[Fault]:
    """What of a set is no part of it."""
    for path in sorted(root.iterdir()):
        if path.is_file() and is_image(path):
            yield Fault(path, "lies in no folder of a label; left out")
    used = {*labels, *(folder.parent for folder in labels)}
    for folder in _folders(root):
        if folder not in used:
            yield Fault(folder, "is no split beside train, and is left out")


def images_below(folder: Path) -> list[Path]:
    """The images of a folder and of those in it."""
    return [p for p in sorted(folder.rglob("*")) if is_image(p) and p.is_file()]


def split_folders(root: Path) -> list[tuple[Split, Path]]:
    """The folders of a set that are called as splits are."""
    inner = (p for p in sorted(root.iterdir()) if p.is_dir() and p.name.lower() in SPLIT_NAMES)
    return [(SPLIT_NAMES[folder.name.lower()], folder) for folder in inner]


def _label_folders(root: Path) -> list[tuple[Split | None, Path]]:
    """Folders of labels, each with its split.

    Splits are folders of such names that hold folders of images, the training split among them: a
    label may be called `train` as well, and then holds images.
    """
    inner = _folders(root)
    splits = [p for p in inner if p.name.lower() in SPLIT_NAMES and _holds_labels(p)]
    if any(SPLIT_NAMES[p.name.lower()] == "train" for p in splits):
        return [(SPLIT_NAMES[p.name.lower()], q) for p in splits for q in _folders(p)]
    return [(None, p) for p in inner]


def _holds_labels(folder: Path) -> bool:
    loose = any(is_image(p) and p.is_file() for p in folder.iterdir())
    return not loose and any(images_below(inner) for inner in _folders(folder))


def _folders(root: Path) -> list[Path]:
    hidden = ("__MACOSX",)
    every = (p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    return sorted(p for p in every if p.name not in hidden)
