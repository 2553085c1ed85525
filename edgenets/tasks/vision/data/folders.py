"""`LABEL/*.jpg`, or `train/LABEL/*.jpg` beside `val/LABEL/*.jpg`: one folder a label."""

from __future__ import annotations

from pathlib import Path

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.tasks.vision.data.catalogue import Catalogue, Labelled
from edgenets.tasks.vision.image import is_image

# What people call the folders of a set that is divided already.
SPLIT_NAMES: dict[str, Split] = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


def looks_like(root: Path) -> bool:
    """Whether some folder below holds images."""
    return any(_images(folder) for _, folder in _label_folders(root))


def read(root: Path) -> Catalogue:
    """Read the set; its labels are the folders' names, sorted.

    Raises:
        DataError: a label has no images.
    """
    found = [
        Labelled(path, split, label=folder.name)
        for split, folder in _label_folders(root)
        for path in _images(folder)
    ]
    names = {folder.name for _, folder in _label_folders(root)}
    empty = names - {p.label for p in found}
    if empty:
        raise DataError(f"{root}: no images in {', '.join(sorted(empty))}")
    return Catalogue(tuple(found), tuple(sorted(names)))


def _label_folders(root: Path) -> list[tuple[Split | None, Path]]:
    inner = _folders(root)
    if inner and all(p.name.lower() in SPLIT_NAMES for p in inner):
        return [(SPLIT_NAMES[p.name.lower()], q) for p in inner for q in _folders(p)]
    return [(None, p) for p in inner]


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _images(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.iterdir()) if p.is_file() and is_image(p)]
