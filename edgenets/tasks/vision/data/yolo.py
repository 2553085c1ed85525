"""YOLO: `images/…/NAME.jpg` and `labels/…/NAME.txt`, with the names of the classes beside.

A line of a `.txt` is `class x y width height`: the box's middle and size, as
fractions of the image. Names stand in `data.yaml`, `classes.txt` or `obj.names`.
"""

from __future__ import annotations

import re
from pathlib import Path

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.extras import require
from edgenets.tasks.vision.data.catalogue import Catalogue, Fault, Labelled, Thing, checked_box
from edgenets.tasks.vision.data.folders import SPLIT_NAMES
from edgenets.tasks.vision.image import is_image

_NAME_LISTS = ("classes.txt", "obj.names", "classes.names", "labels/classes.txt")
_YAMLS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")


def looks_like(root: Path) -> bool:
    """Whether images and `.txt` files lie in folders side by side."""
    return bool(_pairs(root))


def read(root: Path) -> Catalogue:
    """Read the set; its labels are the named classes.

    Raises:
        DataError: nothing says what the classes are called.
    """
    names = _names(root)
    found, faults = [], []
    for split, images, labels in _pairs(root):
        for path in sorted(p for p in images.rglob("*") if p.is_file() and is_image(p)):
            inside = path.relative_to(images)
            part = split or next(
                (SPLIT_NAMES[w.lower()] for w in inside.parts[:-1] if w.lower() in SPLIT_NAMES),
                None,
            )
            file = labels / inside.with_suffix(".txt")
            if not file.is_file():  # nothing is on it
                found.append(Labelled(path, part))
                continue
            things, wrong = _things(file, path, names)
            faults += wrong
            if things is not None:
                found.append(Labelled(path, part, things=things))
    return Catalogue(tuple(found), tuple(names), tuple(faults))


def _pairs(root: Path) -> list[tuple[Split | None, Path, Path]]:
    """(split, folder of images, folder of labels)."""
    pairs: list[tuple[Split | None, Path, Path]] = [(None, root / "images", root / "labels")]
    for inner in sorted(p for p in root.iterdir() if p.is_dir()):
        split = SPLIT_NAMES.get(inner.name.lower())
        if split is not None:
            pairs.append((split, inner / "images", inner / "labels"))
    return [(s, p, q) for s, p, q in pairs if p.is_dir() and q.is_dir() and any(q.rglob("*.txt"))]


def _names(root: Path) -> list[str]:
    for name in _NAME_LISTS:
        if (root / name).is_file():
            lines = (root / name).read_text(encoding="utf-8", errors="replace").splitlines()
            return [line.strip() for line in lines if line.strip()]
    for name in _YAMLS:
        if (root / name).is_file():
            found = _yaml_names((root / name).read_text(encoding="utf-8", errors="replace"))
            if found:
                return found
            raise DataError(f"{root / name}: has no list `names:` of classes")
    raise DataError(
        f"{root}: nothing names the classes; one of {', '.join((*_YAMLS[:1], *_NAME_LISTS[:2]))} "
        f"is needed beside the images"
    )


def _yaml_names(text: str) -> list[str]:
    """The list under `names:` of a data.yaml, in any of the three ways that tools write it."""
    after = re.search(r"^names\s*:(.*(?:\n(?:[ \t]+.*|-.*|\s*))*)", text, re.MULTILINE)
    if after is None:
        return []
    body = after.group(1)
    inline = re.search(r"[\[{](.*?)[\]}]", body, re.DOTALL)
    lines = inline.group(1).split(",") if inline else body.splitlines()
    items = [re.sub(r"^\s*(-\s+|\d+\s*:)\s*", "", line.split(" #")[0]).strip() for line in lines]
    return [item.strip("'\"") for item in items if item.strip("'\"")]


def _things(
    file: Path, image: Path, names: list[str]
) -> tuple[tuple[Thing, ...] | None, list[Fault]]:
    size = _size(image)
    if size is None:
        return None, [Fault(image, "is no image that can be read; left out")]
    width, height = size
    things, faults = [], []
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            kind, x, y, wide, high, *_ = (float(word) for word in line.split())
            if kind < 0:
                raise IndexError
            label = names[int(kind)]
        except ValueError:
            faults.append(Fault(file, f"line {number} is not five numbers; left out"))
            continue
        except (IndexError, OverflowError):
            faults.append(Fault(file, f"line {number}: there is no class {line[:12]}; left out"))
            continue
        drawn = Thing(
            label,
            (x - wide / 2) * width,
            (y - high / 2) * height,
            (x + wide / 2) * width,
            (y + high / 2) * height,
        )
        thing, fault = checked_box(drawn, width, height, file)
        things += [thing] if thing is not None else []
        faults += [fault] if fault is not None else []
    return tuple(things), faults


def _size(image: Path) -> tuple[int, int] | None:
    """Width and height of an image, from its head; turned as its EXIF data say."""
    pillow = require("PIL.Image")
    try:
        with pillow.open(image) as opened:
            turned = opened.getexif().get(0x0112, 1) >= 5
            width, height = opened.size
    except Exception:  # Pillow raises whatever the bytes of a damaged file make of it
        return None
    return (height, width) if turned else (width, height)
