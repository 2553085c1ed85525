"""What was found, drawn into an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.events import Seen
from edgenets.extras import require
from edgenets.tasks.vision.image import Image
from edgenets.tasks.vision.labels import Plate, places
from edgenets.tasks.vision.results import Found, Point

# Blue, green, red: distinct on light and dark images, and by most color-blind people
# (after Okabe and Ito 2008).
PALETTE = (
    (178, 114, 0), (0, 159, 230), (115, 158, 0), (167, 121, 204), (0, 94, 213), (233, 180, 86),
    (66, 228, 240), (120, 120, 120),
)  # fmt: skip

# How much of a mask's color lies over the image.
_VEIL = 0.45

# What is drawn is as large as on an image of this height.
_USUAL_HEIGHT = 480

# A keypoint is shown that is at least so surely seen, as Ultralytics draws them.
_SEEN = 0.5

# The bones between a person's keypoints, as COCO numbers these: nose, eyes, ears, shoulders,
# elbows, wrists, hips, knees, ankles, the left one first.
_PERSON = 17
_BONES = (
    *((0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 6), (5, 7), (7, 9), (6, 8)),
    *((8, 10), (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16)),
)
_BONE = (240, 240, 240)

_EDGES = 4  # pixels of a plate that are no letters, of its width and of its height


def color_of(label: str, labels: Sequence[str]) -> tuple[int, int, int]:
    """The color of a label, the same in every image."""
    return PALETTE[labels.index(label) % len(PALETTE) if label in labels else -1]


def draw(seen: Seen) -> Image:
    """A copy of the image with masks, boxes and labels in it.

    Labels lie beside one another; where an image has no room for all, those of the lowest scores
    are left out, and their boxes stay.
    """
    assert seen.image is not None, "a result of a run has its image"
    out = seen.image.copy()
    if seen.mask is not None:
        _draw_mask(out, seen)
    for found in seen.found:  # under all lines
        _draw_outline(out, found, color_of(found.label, seen.labels))
    scale = max(0.5, out.shape[0] / _USUAL_HEIGHT)
    texts: list[_Text] = []
    for found in seen.found:
        color = color_of(found.label, seen.labels)
        name = found.label if found.track is None else f"{found.label} #{found.track}"
        if found.box is None:
            score = f"{found.area:.0%}" if found.area is not None else f"{found.score:.2f}"
            row = 8 + int(28 * scale * sum(text.whole for text in texts))
            plate = (8, row, 8, row)
            # What is said of the whole image comes before what is said of a part.
            texts.append(_Text(f"{name} {score}", plate, 1 + found.score, color, 1.3 * scale, True))
        elif seen.mask is None:
            left, top, right, bottom = (round(v) for v in found.box)
            _draw_object(out, found, color, scale)
            text, box = f"{name} {found.score:.2f}", (left, top, right, bottom)
            texts.append(_Text(text, box, found.score, color, 0.9 * scale))
    _write(out, texts)
    return out


@dataclass(frozen=True)
class _Text:
    """A label with the box that it names."""

    text: str
    box: tuple[int, int, int, int]  # left, top, right, bottom; pixels
    score: float
    color: tuple[int, int, int]
    scale: float
    whole: bool = False  # it is of the whole image


@dataclass(frozen=True)
class _Set:
    """A text as it is set: what fits, and how large its letters are."""

    text: str
    width: int
    above: int  # pixels above the base line
    below: int
    size: float
    thick: int


def _write(out: Image, texts: Sequence[_Text]) -> None:
    """Texts on plates of their colors."""
    cv2: Any = require("cv2")
    height, width = out.shape[:2]
    lines = [_set(text, width - _EDGES) for text in texts]
    plates = [
        Plate(line.width + _EDGES, line.above + line.below + _EDGES, text.box, text.score)
        for text, line in zip(texts, lines, strict=True)
    ]
    for text, line, plate, place in zip(
        texts, lines, plates, places(plates, width, height), strict=True
    ):
        if place is None or not line.text:
            continue
        left, top = place
        corner = (left + plate.width - 1, top + plate.height - 1)
        cv2.rectangle(out, place, corner, text.color, -1)
        ink = (20, 20, 20) if sum(text.color) > 430 else (255, 255, 255)
        base = (left + 2, top + line.above + 2)
        cv2.putText(
            out, line.text, base, cv2.FONT_HERSHEY_SIMPLEX, line.size, ink, line.thick, cv2.LINE_AA
        )


def _set(text: _Text, width: int) -> _Set:
    """A text cut to a width; where its last letters are missing, dots say so."""
    cv2 = require("cv2")
    # OpenCV's letters are those of ASCII.
    shown = text.text.encode("ascii", "replace").decode()
    size, thick = 0.45 * text.scale, max(1, round(text.scale))

    def measured(some: str) -> _Set:
        found = cv2.getTextSize(some, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
        (wide, above), below = found
        return _Set(some, wide, above, below, size, thick)

    line = measured(shown)
    kept = len(shown)
    while line.width > width and kept > 0:
        kept = min(kept - 1, int(kept * max(0, width) / line.width))
        line = measured(shown[:kept] + ".." if kept else "")
    return line


def _draw_outline(out: Image, found: Found, color: tuple[int, int, int]) -> None:
    """An object's mask."""
    cv2: Any = require("cv2")
    rings = [np.rint(ring).astype(np.int32) for ring in found.outline]
    if rings:
        inside = cv2.fillPoly(np.zeros(out.shape[:2], np.uint8), rings, 1)
        _veil(out, inside.view(np.bool_), color)
        cv2.polylines(out, rings, True, color, 1, cv2.LINE_AA)


def _draw_object(out: Image, found: Found, color: tuple[int, int, int], scale: float) -> None:
    """An object's box, upright or turned, and its keypoints."""
    cv2: Any = require("cv2")
    assert found.box is not None, "of an object"
    thick = max(1, round(2 * scale))
    if found.corners:
        turned = np.rint(found.corners).astype(np.int32)
        cv2.polylines(out, [turned], True, color, thick, cv2.LINE_AA)
    else:
        left, top, right, bottom = (round(v) for v in found.box)
        cv2.rectangle(out, (left, top), (right - 1, bottom - 1), color, thick)
    _draw_keypoints(out, found.keypoints, scale)


def _draw_keypoints(out: Image, points: Sequence[Point], scale: float) -> None:
    """Those that are seen, and the bones between them where they are those of a person."""
    cv2: Any = require("cv2")
    seen = [point.score is None or point.score >= _SEEN for point in points]
    places = [(round(point.x), round(point.y)) for point in points]
    for first, second in _BONES if len(points) == _PERSON else ():
        if seen[first] and seen[second]:
            thick = max(1, round(1.5 * scale))
            cv2.line(out, places[first], places[second], _BONE, thick, cv2.LINE_AA)
    for number, place in enumerate(places):
        if seen[number]:
            color = PALETTE[number % len(PALETTE)]
            cv2.circle(out, place, max(2, round(3 * scale)), color, -1, cv2.LINE_AA)


def _veil(out: Image, inside: NDArray[np.bool_], color: tuple[int, int, int]) -> None:
    """Lay a color over a part of an image."""
    tint = np.array(color, np.float32)
    out[inside] = ((1 - _VEIL) * out[inside] + _VEIL * tint).astype(np.uint8)


def _draw_mask(out: Image, seen: Seen) -> None:
    cv2: Any = require("cv2")
    assert seen.mask is not None
    height, width = out.shape[:2]
    mask = cv2.resize(seen.mask, (width, height), interpolation=cv2.INTER_NEAREST)
    for number in np.unique(mask):
        if seen.labels[number] in seen.background:
            continue
        where = mask == number
        color = color_of(seen.labels[number], seen.labels)
        _veil(out, where, color)
        edges, _ = cv2.findContours(where.view(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(out, edges, -1, color, 1, cv2.LINE_AA)
