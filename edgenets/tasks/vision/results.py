"""What a model finds in an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Point:
    """A keypoint of an object."""

    x: float  # pixels of the image
    y: float
    score: float | None = None  # how surely it is seen, 0…1; None: the model does not say


# Corners of a shape one after another: x, y in pixels of the image.
Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Found:
    """An object, a region, or what the whole image is."""

    label: str
    score: float  # 0…1
    # left, top, right, bottom in pixels of the image; None: the whole of it
    box: tuple[float, float, float, float] | None = None
    area: float | None = None  # of a mask: part of the image, 0…1
    track: int | None = None  # number of the object while it is followed
    keypoints: tuple[Point, ...] = ()  # in the order in which the model was taught them
    corners: Ring = ()  # of a box that is turned; `box` is the upright one around it
    outline: tuple[Ring, ...] = ()  # of the object's mask, a ring around each of its parts


@dataclass(frozen=True)
class Findings:
    """All that a model found in one image."""

    found: tuple[Found, ...]
    # segment: label numbers over the image, at the model's resolution; else None
    mask: NDArray[np.uint8] | None = None
