"""What Ultralytics writes into the files that it exports: names, task, how boxes come."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from edgenets.errors import ModelError
from edgenets.tasks.vision.spec import IMAGE_TASKS, ImageTask

from .labels import listed

# Texts in files of others are no longer.
_LONGEST = 1 << 20

# Its tasks that have no bundle, and what they give.
_OTHERS = {
    "segment": "boxes with coefficients of masks, whose prototypes are a second output",
    "pose": "boxes with keypoints",
    "obb": "boxes that are turned",
}

# What its own prediction does where nothing else is said.
THRESHOLD, IOU, MOST = 0.25, 0.7, 300


@dataclass(frozen=True)
class Ultralytics:
    """The part of its metadata that decides something."""

    task: ImageTask
    labels: tuple[str, ...]
    is_list: bool  # the graph has suppressed boxes itself


def read(where: str, said: Mapping[str, str]) -> Ultralytics | None:
    """Metadata of a file; None: it is not of Ultralytics.

    Args:
        where: the file, for messages.
        said: texts by name.

    Raises:
        ModelError: it is a model of a task that has no bundle, or what is said is damaged.
    """
    if said.get("author") != "Ultralytics" or "task" not in said:
        return None
    task = said["task"]
    if task in _OTHERS or task not in IMAGE_TASKS:
        what = _OTHERS.get(task, "something else")
        raise ModelError(
            f"{where}: is a model of Ultralytics for '{task}', which gives {what}; detect and "
            f"classify have bundles"
        )
    names = _value(where, said, "names")
    if not isinstance(names, dict) or sorted(names) != list(range(len(names))):
        raise ModelError(f"{where}: its metadata name no labels, one for each number from 0 on")
    arguments = _value(where, said, "args") if "args" in said else {}
    suppressed = isinstance(arguments, dict) and bool(arguments.get("nms"))
    return Ultralytics(
        task,
        listed("\n".join(" ".join(str(names[i]).split()) or f"label {i}" for i in sorted(names))),
        suppressed or said.get("end2end") == "True",
    )


def _value(where: str, said: Mapping[str, str], name: str) -> object:
    """A text that Python wrote of a dictionary."""
    text = said.get(name, "")
    try:
        if len(text) > _LONGEST:
            raise ValueError("is too long")
        found: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as exc:
        raise ModelError(f"{where}: its metadata '{name}' cannot be read: {exc}") from exc
    return found
