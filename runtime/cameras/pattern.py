"""A test pattern that needs no camera: `null:640x480?rate=30&seconds=10`.

Without a rate, images come as fast as they are taken and none is lost; with
one they come in real time, as a camera's do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import numpy as np

from edgenets.errors import SourceError
from edgenets.tasks.vision.image import Image
from edgenets.uri import split_options

from . import Camera, Frame, Item, options

_SIZE = (640, 480)

# A recording's clock, where no rate is given.
_USUAL_RATE = 30.0


def open_camera(rest: str) -> Camera:
    """The pattern `rest`; errors as `edgenets.runtime.cameras.open_camera`."""
    name, given = split_options(rest, ("rate", "seconds"))
    size = options.size({"size": name} if name else {}) or _SIZE
    rate = options.number(given, "rate", 0.1, 10_000)
    seconds = options.number(given, "seconds", 0, 1e9)
    if rate is None and seconds is None:
        raise SourceError(f"null:{rest}: without a rate it needs an end, as in null:?seconds=10")
    name = f"null:{size[0]}x{size[1]}"
    return Drawing(name, _Pattern(size).at, rate or _USUAL_RATE, seconds, rate is not None)


class Drawing(Camera):
    """Images that a function draws: in real time, or as fast as they are taken."""

    def __init__(
        self, name: str, draw: Callable[[float], Image], rate: float, seconds: float | None,
        live: bool,
    ) -> None:  # fmt: skip
        """Make it.

        Args:
            draw: the image at a time in s.
            rate: images a second.
            seconds: until the end; None: there is none.
            live: whether they come in real time.
        """
        super().__init__(name)
        self.live = live
        self._draw, self._rate = draw, rate
        self._count = math.inf if seconds is None else round(seconds * rate)

    def items(self) -> Iterator[Item]:
        """See `Camera.items`."""
        opened, number = time.monotonic(), 0
        while number < self._count and not self._closed:
            at = number / self._rate
            if self.live:
                time.sleep(max(0.0, opened + at - time.monotonic()))
            yield Frame(self._draw(at), number, at, time.monotonic())
            number += 1


class _Pattern:
    """Bars of colors, a gradient, and a disc that goes round."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size, self._ground = size, _ground(*size)

    def at(self, at: float) -> Image:
        """The image at a time in s."""
        width, height = self._size
        image = self._ground.copy()
        radius = max(2, min(width, height) // 12)
        turn = 2 * math.pi * at / 4.0  # once round in four seconds
        x = int(width * (0.5 + 0.3 * math.cos(turn)))
        y = int(height * (0.5 + 0.3 * math.sin(turn)))
        top, left = max(0, y - radius), max(0, x - radius)
        part = image[top : y + radius, left : x + radius]
        rows, columns = np.ogrid[: part.shape[0], : part.shape[1]]
        inside = (rows + top - y) ** 2 + (columns + left - x) ** 2 < radius**2
        part[inside] = (40, 90, 235)
        return image


def _ground(width: int, height: int) -> Image:
    """Eight bars in full and half light above, a gradient below."""
    bars = np.array([[(i >> 2 & 1), (i >> 1 & 1), (i & 1)] for i in range(7, -1, -1)], np.float64)
    columns = np.minimum(np.arange(width) * 8 // max(1, width), 7)
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 2] = 235 * bars[columns]
    image[height // 2 : 3 * height // 4] = 120 * bars[columns]
    ramp = np.linspace(0, 255, width)[None, :, None]
    image[3 * height // 4 :] = ramp.astype(np.uint8)
    return image
