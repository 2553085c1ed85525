"""Golden data for nets of pictures: a drawing to try a bundle with, and what artefacts answer.

The drawing is made, not taken: discs, bars and a gradient of all colours, so that
a bundle carries nobody's picture and every channel is exercised.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.extras import require
from edgenets.tasks.vision.golden import output_of
from edgenets.tasks.vision.picture import Picture
from edgenets.tasks.vision.spec import ImageInput, ImageSpec

from .formats import Written


def golden_picture(frame: ImageInput) -> Picture:
    """The same drawing for every model of one size, in that size."""
    height, width = frame.height, frame.width
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    across, down = x / max(1, width - 1), y / max(1, height - 1)
    drawing = np.stack((255 * across, 255 * down, 255 * (1 - across)), axis=-1)
    rng = np.random.default_rng(20)
    side = min(height, width)
    for _ in range(12):
        middle = rng.uniform(0, (width, height))
        radius, colour = rng.uniform(0.04, 0.2) * side, rng.uniform(0, 255, 3)
        inside = (x - middle[0]) ** 2 + (y - middle[1]) ** 2 < radius**2
        drawing[inside] = colour
    drawing[(x // max(1, side // 12)) % 5 == 4] *= 0.5
    return np.asarray(drawing, np.uint8)


def golden_png(frame: ImageInput) -> bytes:
    """The drawing as PNG, which loses nothing."""
    done, data = require("cv2").imencode(".png", golden_picture(frame))
    assert done, "OpenCV writes PNG"
    return bytes(data)


def golden_output(spec: ImageSpec, written: Written) -> NDArray[np.float32]:
    """What an artefact answers to it; see `edgenets.tasks.vision.golden.output_of`."""
    artefact = written.artefact
    session = backend.load(backend.backend_of(artefact), artefact, written.files)
    return output_of(spec, session, golden_picture(spec.input))
