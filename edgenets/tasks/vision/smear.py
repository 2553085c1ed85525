"""A drawn blood smear that moves under a drawn microscope: what a camera can show without one.

Nothing of it was photographed. Cells are ellipses with the colors and sizes that a
smear in Giemsa's stain has, so that the shipped detector finds most of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.extras import require
from edgenets.tasks.vision.image import Image

# Blue, green, red.
_GROUND, _RED_CELL, _PALE = (196, 200, 196), (140, 146, 192), (172, 176, 198)
_PLASMA, _NUCLEUS, _PLATELET = (206, 170, 190), (206, 92, 122), (196, 128, 162)

# Pixels of a slide of this size; the microscope shows 640 × 480 of it.
_SLIDE, _VIEW = (1800, 1400), (640, 480)

# A red cell has half this size, a white one almost twice it.
_RADIUS = 52


class Smear:
    """A slide; `view` shows the part of it that lies under the microscope at a time."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        width, height = _SLIDE
        slide = np.empty((height, width, 3), np.float32)
        slide[:] = _GROUND
        places = _places(rng, width, height)
        for number, (x, y) in enumerate(places):
            if number % 14 == 3:
                _white_cell(rng, slide, x, y)
            elif number % 9 == 5:
                _platelet(rng, slide, x, y)
            else:
                _red_cell(rng, slide, x, y)
        cv2: Any = require("cv2")
        slide = cv2.GaussianBlur(slide, (0, 0), 1.6)
        light = rng.normal(0, 1, (height // 50, width // 50, 1)).astype(np.float32)
        slide += 3 * cv2.resize(light, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
        slide += rng.normal(0, 2.0, slide.shape).astype(np.float32)
        self._slide: Image = slide.clip(0, 255).astype(np.uint8)

    def view(self, time: float) -> Image:
        """The image at a time in seconds, (480, 640, 3) uint8."""
        (width, height), (wide, high) = _SLIDE, _VIEW
        turn = 2 * np.pi * time / 40.0  # once round in forty seconds
        x = int((0.5 + 0.48 * np.cos(turn)) * (width - wide))
        y = int((0.5 + 0.48 * np.sin(turn)) * (height - high))
        return np.ascontiguousarray(self._slide[y : y + high, x : x + wide])


def _places(rng: np.random.Generator, width: int, height: int) -> list[tuple[int, int]]:
    """Middles of cells that crowd but hardly overlap."""
    found: list[tuple[int, int]] = []
    for _ in range(4000):
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        if all((x - a) ** 2 + (y - b) ** 2 > (2.15 * _RADIUS) ** 2 for a, b in found):
            found.append((x, y))
    return found


def _ellipse(
    slide: NDArray[np.float32], place: tuple[float, float], axes: tuple[float, float], angle: float,
    color: tuple[int, int, int], share: float = 1.0,
) -> None:  # fmt: skip
    """One soft-edged ellipse about a place, which lets through what `share` leaves."""
    x, y = place
    cv2: Any = require("cv2")
    reach = int(max(axes)) + 8
    top, left = max(0, int(y) - reach), max(0, int(x) - reach)
    part = slide[top : int(y) + reach, left : int(x) + reach]
    if not part.size:
        return
    mask = np.zeros(part.shape[:2], np.float32)
    middle = (round(x - left), round(y - top))
    cv2.ellipse(mask, middle, (round(axes[0]), round(axes[1])), angle, 0, 360, share, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), max(1.0, 0.06 * min(axes)))[..., None]
    part += mask * (np.array(color, np.float32) - part)


def _red_cell(rng: np.random.Generator, slide: NDArray[np.float32], x: int, y: int) -> None:
    size = _RADIUS * rng.uniform(0.85, 1.05)
    axes, angle = (size, size * rng.uniform(0.85, 1.0)), rng.uniform(0, 180)
    _ellipse(slide, (x, y), axes, angle, _RED_CELL)
    if rng.random() < 0.6:  # the pale middle of a cell that lies flat
        inner = (0.42 * axes[0], 0.42 * axes[1])
        _ellipse(slide, (x + 2, y - 2), inner, angle, _PALE, 0.85)


def _white_cell(rng: np.random.Generator, slide: NDArray[np.float32], x: int, y: int) -> None:
    size = 1.75 * _RADIUS
    _ellipse(slide, (x, y), (size, 0.94 * size), rng.uniform(0, 180), _PLASMA)
    start = rng.uniform(0, 2 * np.pi)
    for lobe in range(4):
        turn = start + 1.1 * lobe
        place = (x + 0.45 * size * np.cos(turn), y + 0.45 * size * np.sin(turn))
        axes = (0.36 * size, 0.28 * size)
        _ellipse(slide, place, axes, float(np.rad2deg(turn)), _NUCLEUS, 0.95)


def _platelet(rng: np.random.Generator, slide: NDArray[np.float32], x: int, y: int) -> None:
    size = _RADIUS * rng.uniform(0.28, 0.36)
    _ellipse(slide, (x, y), (size, 0.8 * size), rng.uniform(0, 180), _PLATELET, 0.9)
