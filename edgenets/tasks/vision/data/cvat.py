"""CVAT for images 1.1: one `annotations.xml`, with images beside or below; FiftyOne's `labels.xml`.

Corners are in pixels of the image. Sub-sets become splits by their names.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgenets.errors import DataError
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
from edgenets.tasks.vision.data.folders import SPLIT_NAMES
from edgenets.tasks.vision.data.xmlfile import read_xml

FILES = ("annotations.xml", "labels.xml")


def looks_like(root: Path) -> bool:
    """Whether its file is there."""
    file = _file(root)
    if file is None:
        return False
    return b"<annotations" in head_of(file)


def read(root: Path, outlines: bool = False) -> Catalogue:
    """Read the set; its labels are those that its file lists, else those given, sorted.

    Args:
        root: its folder, or the file.
        outlines: things are wanted with their pixels.

    Raises:
        DataError: it is no such file.
    """
    file = _file(root)
    assert file is not None, "`looks_like` says so"
    try:
        tree = read_xml(file)
    except DataError as exc:
        raise DataError(f"{file}: no labels of CVAT: {exc}") from exc
    images = Images(file.parent)
    found: list[Labelled] = []
    faults: list[Fault] = []
    for node in tree.iter("image"):
        name = node.get("name") or ""
        where = Where(file, entry=f"image {name}")
        try:
            path, stated = images.find(name, file.parent), _stated(node)
        except (LookupError, ValueError) as exc:
            faults.append(where.fault(f"{exc.args[0]}; left out"))
            continue
        canvas = Canvas.opened(path, stated, where, faults, outlines)
        if canvas is not None:
            things = tuple(_things(node, canvas, where, faults))
            split = SPLIT_NAMES.get((node.get("subset") or "").lower())
            found.append(Labelled(path, split, things=things, painted=outlines))
    catalogue = Catalogue(tuple(found), (), tuple(faults))
    listed = [(n.text or "").strip() for n in tree.findall("meta//labels/label/name")]
    labels = dict.fromkeys((*filter(None, listed), *catalogue.given()))
    return replace(catalogue, labels=tuple(labels))


def _stated(image: ElementTree.Element) -> tuple[float, float]:
    """The size that an image is said to have."""
    width, height = (float(image.get(side) or "nan") for side in ("width", "height"))
    if not (width > 0 and height > 0):
        raise ValueError("does not say how large it is")
    return width, height


def _file(root: Path) -> Path | None:
    if root.is_file():
        return root if root.suffix == ".xml" else None
    return next((root / name for name in FILES if (root / name).is_file()), None)


def _things(
    image: ElementTree.Element, canvas: Canvas, where: Where, faults: list[Fault]
) -> Iterator[Thing]:
    for node in image:
        try:
            drawn = _drawn(node)
        except (TypeError, ValueError) as exc:
            faults.append(where.fault(f"a {node.tag} cannot be read ({exc}); left out"))
            continue
        if drawn is None:
            if node.tag != "tag":
                faults.append(where.fault(f"a {node.tag} is no box or polygon; left out"))
            continue
        thing = canvas.thing(drawn, where, faults)
        if thing is not None:
            yield thing


def _drawn(node: ElementTree.Element) -> Drawn | None:
    """A box or a polygon; None: something else."""
    label = (node.get("label") or "").strip()
    if node.tag == "box":
        left, top, right, bottom = (
            float(node.get(k) or "nan") for k in ("xtl", "ytl", "xbr", "ybr")
        )
        degrees = float(node.get("rotation") or 0)
        if not abs(degrees) <= 360:
            raise ValueError(f"it is turned by {degrees:g} degrees")
        turn = np.deg2rad(degrees)
        if not turn:
            return Drawn(_named(label), (left, top, right, bottom))
        # About its middle.
        middle = np.array(((left + right) / 2, (top + bottom) / 2))
        corners = np.array(((left, top), (right, top), (right, bottom), (left, bottom))) - middle
        cos, sin = np.cos(turn), np.sin(turn)
        return Drawn(_named(label), rings=(corners @ np.array(((cos, sin), (-sin, cos))) + middle,))
    if node.tag == "polygon":
        points = [
            [float(v) for v in pair.split(",")] for pair in (node.get("points") or "").split(";")
        ]
        return Drawn(_named(label), rings=(np.array(points, float).reshape(-1, 2),))
    return None


def _named(label: str) -> str:
    if not label:
        raise ValueError("it has no label")
    return label
