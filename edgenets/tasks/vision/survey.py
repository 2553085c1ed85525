"""What a set of images holds, for people: see `edgenets.data.survey`."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import numpy as np

from edgenets.data.survey import Item, Survey
from edgenets.errors import DataError
from edgenets.extras import ensure, require
from edgenets.progress import Progress
from edgenets.tasks.vision import image
from edgenets.tasks.vision.data import layouts
from edgenets.tasks.vision.data.catalogue import Labelled, name_in
from edgenets.tasks.vision.data.division import print_of
from edgenets.tasks.vision.data.drawn import unpacked
from edgenets.tasks.vision.spec import ImageTask

# Sides of a preview on the page, pixels.
_SIDE = 200

# Sides of what tells nearly the same images from alike ones, pixels.
_DETAIL = 16

# A box with a side below this part of its image's is found by no small network.
_TINY = 0.01

# Blue, green, red of boxes, by the number of the label.
_COLORS = ((48, 48, 230), (40, 160, 40), (220, 120, 20), (200, 40, 200), (20, 170, 230))


def survey(root: Path, task: ImageTask, progress: Progress) -> Survey:
    """Read a set of images, and every image of it; errors as `layouts.read`."""
    ensure("cv2")
    catalogue = layouts.read(root, task)
    base = root.parent if root.is_file() else root
    items = []
    with progress.task("looking at") as task_bar:
        for number, one in enumerate(catalogue.images, 1):
            items.append(_item(one, root))
            task_bar.update(number, len(catalogue.images))
    labels = list(catalogue.labels)
    return Survey(
        catalogue.layout,
        "images",
        tuple(items),
        tuple(str(fault).removeprefix(f"{base}/") for fault in catalogue.faults),
        preview=lambda number: _preview(catalogue.images[number], labels),
    )


def _item(one: Labelled, root: Path) -> Item:
    name = name_in(root, one.path)
    try:
        data = image.load(one.path, image.Rules.from_environment())
        pixels = image.decode(data, name)
    except DataError as exc:
        return Item(name, one.labels, one.split, faults=(str(exc),))
    height, width = pixels.shape[:2]
    tiny = [
        thing
        for thing in one.things
        if thing.right - thing.left < _TINY * width or thing.bottom - thing.top < _TINY * height
    ]
    odd = ("has boxes with a side below 1 % of the image's",) if tiny else ()
    cv2, digest = require("cv2"), hashlib.sha256(data).hexdigest()
    small = cv2.resize(pixels, (_DETAIL, _DETAIL), interpolation=cv2.INTER_AREA)
    detail = small.astype(np.float32).ravel()
    print = print_of(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY))
    return Item(name, one.labels, one.split, digest, print, detail, odd=odd)


def _preview(one: Labelled, labels: list[str]) -> str:
    """The image as HTML, small, with its boxes or its mask."""
    cv2 = require("cv2")
    try:
        pixels = image.read(one.path)
    except DataError:
        return ""
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    for thing in one.things:
        color = _COLORS[labels.index(thing.label) % len(_COLORS)]
        if thing.pixels:
            inside = cv2.resize(unpacked(thing.pixels, height, width), small.shape[1::-1]) > 0
            small[inside] = (small[inside] / 2 + np.array(color) / 2).astype(np.uint8)
        corners = [
            round(side * scale) for side in (thing.left, thing.top, thing.right, thing.bottom)
        ]
        cv2.rectangle(small, tuple(corners[:2]), tuple(corners[2:]), color, 1, cv2.LINE_AA)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    data = base64.b64encode(encoded.tobytes()).decode()
    return f'<img src="data:image/jpeg;base64,{data}" width="{small.shape[1]}" alt="">'
