"""Label Studio: its own JSON, whole or `JSON-MIN`, with the images anywhere beside.

Boxes and outlines are percents of the image; a turned box turns about its upper left corner. The
image is found by its name, without what an upload put before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgenets.errors import DataError
from edgenets.files import Json
from edgenets.limits import read_json
from edgenets.tasks.vision.data.catalogue import (
    Catalogue,
    Fault,
    Labelled,
    Thing,
    Where,
    head_of,
)
from edgenets.tasks.vision.data.drawn import Canvas, Drawn
from edgenets.tasks.vision.data.finding import Images
from edgenets.tasks.vision.spec import ImageTask

# Keys of what one object is called, by its kind.
_LABELS = ("rectanglelabels", "polygonlabels", "labels")

# Results that say something else of an image.
_NO_OBJECTS = ("choices", "relation", "textarea", "rating", "number", "datetime", "taxonomy")


def looks_like(root: Path) -> bool:
    """Whether a `.json` of the folder is a list of its tasks."""
    return _file(root) is not None


def read(root: Path, task: ImageTask) -> Catalogue:
    """Read the set; its labels are all that were given, sorted.

    Args:
        root: its folder, or the `.json` with images beside or below.
        task: classify: the choice of each image; else its objects, with their pixels to segment.

    Raises:
        DataError: it is no such file.
    """
    file = _file(root)
    assert file is not None, "`looks_like` says so"
    images = Images(root.parent if root.is_file() else root)
    found: list[Labelled] = []
    faults: list[Fault] = []
    for number, item in enumerate(_load(file)):
        id = item.get("id", number) if isinstance(item, dict) else number
        where = Where(file, entry=f"task {id}")
        try:
            assert isinstance(item, dict)
            path = images.find(_image_of(item), file.parent)
            results = list(_results(item, where, faults))
            stated = _stated(results)
        except (AssertionError, AttributeError, TypeError, ValueError, LookupError) as exc:
            why = "is no task with an image" if not str(exc) else str(exc).strip("'\"")
            faults.append(where.fault(f"{why}; left out"))
            continue
        labeled: Labelled | None
        if task == "classify":
            label = _choice(results, where, faults)
            labeled = Labelled(path, label=label) if label else None
        else:
            canvas = Canvas.opened(path, stated, where, faults, task == "segment")
            labeled = None if canvas is None else _labeled(path, results, canvas, where, faults)
        found += [] if labeled is None else [labeled]
    catalogue = Catalogue(tuple(found), (), tuple(faults))
    return replace(catalogue, labels=catalogue.given())


def _labeled(
    path: Path, results: list[Json], canvas: Canvas, where: Where, faults: list[Fault]
) -> Labelled:
    """An image with its objects, whose places are percents of the size that it had."""
    size = _stated(results) or (canvas.extent.width, canvas.extent.height)
    things = tuple(_things(results, canvas, size, where, faults))
    return Labelled(path, things=things, painted=canvas.outlines)


def _file(root: Path) -> Path | None:
    every = [root] if root.is_file() else sorted(root.glob("*.json"))
    return next((file for file in every if _begins_like(file)), None)


def _begins_like(file: Path) -> bool:
    head = head_of(file)
    marks = (b'"annotations"', b'"image"', b'"completions"', b"rectanglelabels", b"original_width")
    return head.startswith(b"[") and any(m in head for m in marks)


def _load(file: Path) -> list[object]:
    try:
        data = read_json(file)
    except (OSError, ValueError, RecursionError) as exc:
        raise DataError(f"{file}: no JSON of Label Studio ({exc})") from exc
    if not isinstance(data, list):
        raise DataError(f"{file}: no list of Label Studio's tasks")
    return data


def _image_of(item: Json) -> str:
    """What an image is called: the one value of a task's data that names one."""
    data = item.get("data", item)
    for key in ("image", "img", "image_url", "url"):
        if isinstance(data.get(key), str):
            return str(data[key])
    raise LookupError("names no image")


def _results(item: Json, where: Where, faults: list[Fault]) -> Iterator[Json]:
    """The results of a task, each with its `type` and `value`."""
    if "data" not in item:
        yield from _least_results(item)
        return
    kept = [note for note in item["annotations"] if not note.get("was_cancelled")]
    if len(kept) > 1:
        faults.append(where.fault(f"has {len(kept)} annotations; the last one is taken"))
    yield from (kept[-1]["result"] if kept else ())


def _least_results(item: Json) -> Iterator[Json]:
    """Those of `JSON-MIN`, whose keys are whatever a project calls them."""
    if isinstance(item.get("choice"), str):
        yield {"type": "choices", "value": {"choices": [item["choice"]]}}
    lists = (value for value in item.values() if isinstance(value, list))
    for one in (one for value in lists for one in value if isinstance(one, dict)):
        kind = next((name for name in _LABELS if name in one), None)
        if kind is not None:
            yield {"type": kind, "value": one}


def _stated(results: list[Json]) -> tuple[float, float] | None:
    """The size that an image had where it was labeled; None: nobody says, or not all the same."""
    sizes = {
        (one.get("original_width"), one.get("original_height"))
        for result in results
        for one in (result, result.get("value") or {})
        if one.get("original_width") is not None
    }
    if len(sizes) != 1:
        if sizes:
            raise LookupError(f"its image is said to have {len(sizes)} sizes")
        return None
    width, height = (float(side or 0) for side in sizes.pop())
    if not (width > 0 and height > 0):
        raise LookupError(f"its image is said to have {width:g} × {height:g} pixels")
    return width, height


def _choice(results: list[Json], where: Where, faults: list[Fault]) -> str:
    """The one choice of an image; empty, and a fault, where there is none or are several."""
    choices = [
        str(choice)
        for result in results
        if result.get("type") == "choices"
        for choice in result["value"]["choices"]
    ]
    if len(set(choices)) != 1:
        said = f"has {len(choices)} choices" if choices else "has no choice"
        faults.append(where.fault(f"{said}, where one label is needed; left out"))
        return ""
    return choices[0]


def _things(
    results: list[Json],
    canvas: Canvas,
    size: tuple[float, float],
    where: Where,
    faults: list[Fault],
) -> Iterator[Thing]:
    for result in results:
        kind = result.get("type")
        if kind not in _LABELS:
            if kind == "brushlabels":
                faults.append(where.fault("a brush's mask is not read; export it as COCO or PNG"))
            elif kind not in _NO_OBJECTS:
                faults.append(where.fault(f"a result of the type {kind} is no object; left out"))
            continue
        try:
            drawn = _drawn(result["value"], size)
        except (KeyError, TypeError, ValueError, IndexError) as exc:
            faults.append(where.fault(f"a {kind} cannot be read ({exc}); left out"))
            continue
        thing = canvas.thing(drawn, where, faults)
        if thing is not None:
            yield thing


def _drawn(value: Json, whole: tuple[float, float]) -> Drawn:
    labels: list[object] = next((value[name] for name in _LABELS if name in value), [])
    if len(labels) != 1:
        raise ValueError(f"{len(labels)} labels, where one is needed")
    size = np.array(whole) / 100
    if "points" in value:
        return Drawn(
            str(labels[0]), rings=(np.array(value["points"], float).reshape(-1, 2) * size,)
        )
    left, top = (float(value[key]) for key in ("x", "y"))
    wide, high = (float(value[key]) for key in ("width", "height"))
    corner = np.array((left, top)) * size
    degrees = float(value.get("rotation", 0))
    if not abs(degrees) <= 360:
        raise ValueError(f"it is turned by {degrees:g} degrees")
    turn = np.deg2rad(degrees)
    if not turn:
        far = corner + np.array((wide, high)) * size
        return Drawn(str(labels[0]), (*corner.tolist(), *far.tolist()))
    across = np.array((np.cos(turn), np.sin(turn))) * wide * size[0]
    down = np.array((-np.sin(turn), np.cos(turn))) * high * size[1]
    ring = np.array((corner, corner + across, corner + across + down, corner + down))
    return Drawn(str(labels[0]), rings=(ring,))
