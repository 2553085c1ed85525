"""What was found, drawn into an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgenets.events import Seen
from edgenets.extras import require
from edgenets.tasks.vision.image import Image

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


def color_of(label: str, labels: Sequence[str]) -> tuple[int, int, int]:
    """The color of a label, the same in every image."""
    return PALETTE[labels.index(label) % len(PALETTE) if label in labels else -1]


def draw(seen: Seen) -> Image:
    """A copy of the image with masks, boxes and labels in it."""
    assert seen.image is not None, "a result of a run has its image"
    out = seen.image.copy()
    if seen.mask is not None:
        _draw_mask(out, seen)
    scale = max(0.5, out.shape[0] / _USUAL_HEIGHT)
    row = 0
    for found in seen.found:
        color = color_of(found.label, seen.labels)
        name = found.label if found.track is None else f"{found.label} #{found.track}"
        if found.box is None:
            score = f"{found.area:.0%}" if found.area is not None else f"{found.score:.2f}"
            _write(out, f"{name} {score}", 8, 8 + int(28 * scale * row), color, 1.3 * scale)
            row += 1
        elif seen.mask is None:
            _draw_box(out, found.box, f"{name} {found.score:.2f}", color, scale)
    return out


def _draw_box(
    out: Image,
    box: tuple[float, float, float, float],
    text: str,
    color: tuple[int, int, int],
    scale: float,
) -> None:
    left, top, right, bottom = (round(v) for v in box)
    thick = max(1, round(2 * scale))
    require("cv2").rectangle(out, (left, top), (right - 1, bottom - 1), color, thick)
    _write(out, text, left, top - int(16 * scale), color, 0.9 * scale)


def _write(
    out: Image, text: str, left: int, top: int, color: tuple[int, int, int], scale: float
) -> None:
    """Text on a plate of its color, inside the image."""
    cv2: Any = require("cv2")
    # OpenCV's letters are those of ASCII.
    shown = text.encode("ascii", "replace").decode()
    font, size, thick = cv2.FONT_HERSHEY_SIMPLEX, 0.45 * scale, max(1, round(scale))
    (wide, high), below = cv2.getTextSize(shown, font, size, thick)
    left = max(0, min(left, out.shape[1] - wide - 4))
    top = max(0, min(top, out.shape[0] - high - below - 4))
    cv2.rectangle(out, (left, top), (left + wide + 4, top + high + below + 3), color, -1)
    light = sum(color) > 430
    ink = (20, 20, 20) if light else (255, 255, 255)
    cv2.putText(out, shown, (left + 2, top + high + 2), font, size, ink, thick, cv2.LINE_AA)


def _draw_mask(out: Image, seen: Seen) -> None:
    cv2: Any = require("cv2")
    assert seen.mask is not None
    height, width = out.shape[:2]
    mask = cv2.resize(seen.mask, (width, height), interpolation=cv2.INTER_NEAREST)
    for number in np.unique(mask):
        if seen.labels[number] in seen.background:
            continue
        where = mask == number
        color = np.array(color_of(seen.labels[number], seen.labels), np.float32)
        out[where] = ((1 - _VEIL) * out[where] + _VEIL * color).astype(np.uint8)
        edges, _ = cv2.findContours(where.view(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(out, edges, -1, color.tolist(), 1, cv2.LINE_AA)
