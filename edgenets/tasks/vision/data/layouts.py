"""The layouts that sets of images come in. To add one: a file, and a line in this table."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgenets.errors import DataError
from edgenets.tasks.vision.data.catalogue import Catalogue, Fault, Labelled
from edgenets.tasks.vision.spec import ImageTask


@dataclass(frozen=True)
class Layout:
    """A layout, as its module reads it; see `looks_like` and `read` there."""

    module: str
    tasks: tuple[ImageTask, ...]
    look: str  # how it looks
    # What its reader takes besides the folder: the task, or whether outlines are wanted.
    takes: Callable[[ImageTask], tuple[object, ...]] = lambda task: ()

    def looks_like(self, root: Path) -> bool:
        """Whether a set has it."""
        found: bool = self._module().looks_like(root)
        return found

    def read(self, root: Path, task: ImageTask) -> Catalogue:
        """Read a set that has it."""
        found: Catalogue = self._module().read(root, *self.takes(task))
        return found

    def _module(self) -> Any:
        return importlib.import_module(f"edgenets.tasks.vision.data.{self.module}")


def _segments(task: ImageTask) -> tuple[object, ...]:
    return (task == "segment",)


def _itself(task: ImageTask) -> tuple[object, ...]:
    return (task,)


_OBJECTS: tuple[ImageTask, ...] = ("detect", "segment")
_EVERY: tuple[ImageTask, ...] = ("detect", "segment", "classify")

# What a mask that is made of outlines shows between them; its number is 0.
BACKGROUND = "background"

# The first that fits is taken.
LAYOUTS = {
    "masks": Layout("masks", ("segment",), "images/*.png and masks/*.png"),
    "voc": Layout("voc", ("detect",), "JPEGImages/ and Annotations/*.xml, or an .xml beside each"),
    "fiftyone": Layout("fiftyone", _EVERY, "data/ and labels.json, or samples.json", _itself),
    "coco": Layout("coco", _OBJECTS, "annotations/instances_*.json and images/", _segments),
    "labelstudio": Layout("labelstudio", _EVERY, "its JSON, with images beside", _itself),
    "cvat": Layout("cvat", _OBJECTS, "annotations.xml, with images beside", _segments),
    "yolo": Layout("yolo", _OBJECTS, "data.yaml; images/ and labels/*.txt, or beside", _segments),
    "folders": Layout("folders", ("classify",), "LABEL/*.jpg"),
}


def read(root: Path, task: ImageTask) -> Catalogue:
    """Read a set of images, whichever of its task's layouts it has.

    Args:
        root: its folder, or the one file that holds its labels: `data.yaml`, a `.json`, an `.xml`.

    Raises:
        DataError: it has none of them, or no image that can be used.
    """
    if not root.exists():
        raise DataError(f"{root}: no such folder")
    known = {name: layout for name, layout in LAYOUTS.items() if task in layout.tasks}
    fitting = [name for name, layout in known.items() if layout.looks_like(root)]
    if not fitting:
        looks = "; ".join(f"{name}: {layout.look}" for name, layout in known.items())
        raise DataError(f"{root}: is in no layout known for '{task}'. Known: {looks}")
    catalogue = _checked(replace(known[fitting[0]].read(root, task), layout=fitting[0]), root)
    if len(fitting) > 1:
        text = f"is read as {fitting[0]}, and looks like {fitting[1]} as well; give the file with "
        fault = Fault(root, text + "the labels as the set to choose")
        catalogue = replace(catalogue, faults=(fault, *catalogue.faults))
    return catalogue


def _checked(catalogue: Catalogue, root: Path) -> Catalogue:
    """A set with every image once and, where outlines are a mask, a label for what is between."""
    if not catalogue.images:
        why = f"; the first fault: {catalogue.faults[0]}" if catalogue.faults else ""
        raise DataError(f"{root}: no image with an annotation that can be used{why}")
    if any(item.painted for item in catalogue.images):
        labels = dict.fromkeys((BACKGROUND, *catalogue.labels))
        catalogue = replace(catalogue, labels=tuple(labels))
    return _once(catalogue)


def _once(catalogue: Catalogue) -> Catalogue:
    """Every image once: what two files or splits have of one is not put together."""
    first: dict[Path, Labelled] = {}
    faults = []
    for item in catalogue.images:
        before = first.setdefault(item.path, item)
        if before is not item:
            also = before.split != item.split and before.split and item.split
            said = f"in {before.split} and {item.split}" if also else "twice"
            faults.append(Fault(item.path, f"is {said}; what comes second is left out"))
    return replace(catalogue, images=tuple(first.values()), faults=(*catalogue.faults, *faults))
