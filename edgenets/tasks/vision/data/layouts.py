"""The layouts that sets of images come in. To add one: a file, and a line in this table."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from edgenets.errors import DataError
from edgenets.tasks.vision.data.catalogue import Catalogue
from edgenets.tasks.vision.spec import ImageTask

# Layout → (task, module with `looks_like` and `read`, how it looks); the first that fits is taken.
LAYOUTS: dict[str, tuple[ImageTask, str, str]] = {
    "voc": ("detect", "edgenets.tasks.vision.data.voc", "JPEGImages/ and Annotations/*.xml"),
    "coco": (
        "detect",
        "edgenets.tasks.vision.data.coco",
        "annotations/instances_*.json and images/",
    ),
    "yolo": (
        "detect",
        "edgenets.tasks.vision.data.yolo",
        "images/ and labels/*.txt with data.yaml",
    ),
    "masks": ("segment", "edgenets.tasks.vision.data.masks", "images/*.png and masks/*.png"),
    "folders": ("classify", "edgenets.tasks.vision.data.folders", "LABEL/*.jpg"),
}


def read(root: Path, task: ImageTask) -> Catalogue:
    """Read a set of images, whichever of its task's layouts it has.

    Raises:
        DataError: it has none of them, or no image that can be used.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder")
    fitting = [(name, module, look) for name, (t, module, look) in LAYOUTS.items() if t == task]
    for _, module, _ in fitting:
        layout: Any = importlib.import_module(module)
        if layout.looks_like(root):
            catalogue: Catalogue = layout.read(root)
            if not catalogue.images:
                why = f"; the first fault: {catalogue.faults[0]}" if catalogue.faults else ""
                raise DataError(f"{root}: no image with an annotation that can be used{why}")
            return catalogue
    looks = "; ".join(f"{name}: {look}" for name, _, look in fitting)
    raise DataError(f"{root}: is in no layout known for '{task}'. Known: {looks}")
