"""How large an image is, and where a point lies on it that was drawn on a copy.

Annotations state the size of the image that they were drawn on. Where the file has another, the
image was made smaller or larger since, and they move with it; or it lies on its side, and an
EXIF orientation says so, which not every tool for labels follows.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.extras import require

Points = NDArray[np.float64]  # (n, 2): x and y

# Sides that differ by more than this were not made smaller by one factor.
_SAME_SHAPE = 0.02

# EXIF orientation → (matrix, offset in widths and heights as stored): from a point of the stored
# image to one of the image as it is shown. TIFF 6.0, tag 274.
_TURNS = {
    1: (((1, 0), (0, 1)), ((0, 0), (0, 0))),
    2: (((-1, 0), (0, 1)), ((1, 0), (0, 0))),
    3: (((-1, 0), (0, -1)), ((1, 0), (0, 1))),
    4: (((1, 0), (0, -1)), ((0, 0), (0, 1))),
    5: (((0, 1), (1, 0)), ((0, 0), (0, 0))),
    6: (((0, -1), (1, 0)), ((0, 1), (0, 0))),
    7: (((0, -1), (-1, 0)), ((0, 1), (1, 0))),
    8: (((0, 1), (-1, 0)), ((0, 0), (1, 0))),
}
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Extent:
    """An image's size as it is shown, and how it is turned for that."""

    width: int  # pixels
    height: int
    orientation: int = 1  # of EXIF; 5 to 8 lie on their side

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height before it is turned."""
        lies = self.orientation >= 5
        return (self.height, self.width) if lies else (self.width, self.height)


@dataclass(frozen=True)
class Move:
    """From where something was drawn to where that is on the image as it is shown."""

    matrix: NDArray[np.float64]  # (2, 2)
    offset: NDArray[np.float64]  # (2,)
    said: str = ""  # what a user should know of it

    @property
    def is_none(self) -> bool:
        """Whether every point stays where it is."""
        return bool((self.matrix == np.eye(2)).all() and not self.offset.any())

    def points(self, points: Points) -> Points:
        """Points moved, (n, 2)."""
        moved: Points = points @ self.matrix.T + self.offset
        return moved


STAY = Move(np.eye(2), np.zeros(2))


def extent_of(image: Path) -> Extent | None:
    """The size of an image, from its head; None where it cannot be read."""
    pillow = require("PIL.Image")
    try:
        # Pillow warns of sizes, which have a limit of their own where images are read.
        with warnings.catch_warnings(action="ignore"), pillow.open(image) as opened:
            orientation = opened.getexif().get(_ORIENTATION, 1)
            width, height = opened.size
    except Exception:  # Pillow raises whatever the bytes of a damaged file make of it
        return None
    if orientation not in _TURNS:
        orientation = 1
    return (
        Extent(height, width, orientation)
        if orientation >= 5
        else Extent(width, height, orientation)
    )


def move_from(stated: tuple[float, float], extent: Extent) -> Move | None:
    """The way from an image of a stated size to the file that is there.

    Args:
        stated: width and height of the image that was drawn on, pixels.

    Returns:
        None where the two have not the same shape: nobody can say where on the file a point lies.
    """
    shown: tuple[float, float] = (extent.width, extent.height)
    if stated == shown:
        return STAY
    size = f"{stated[0]:g} × {stated[1]:g}"
    if _alike(stated, shown):
        said = f"its size is said to be {size}, and is {shown[0]} × {shown[1]}: scaled"
        return Move(np.diag(np.divide(shown, stated)), np.zeros(2), said)
    if extent.orientation >= 5 and _alike(stated, extent.stored):
        matrix, offset = _TURNS[extent.orientation]
        turn, place = np.array(matrix, float), np.array(offset, float)
        moved = turn @ np.diag(np.divide(extent.stored, stated))
        said = f"it was labeled lying on its side, {size}: turned as its EXIF data say"
        return Move(moved, place @ np.array(extent.stored, float), said)
    return None


def _alike(one: tuple[float, float], other: tuple[float, float]) -> bool:
    ratio = one[0] * other[1] / (one[1] * other[0])
    return abs(ratio - 1) <= _SAME_SHAPE
