"""The golden image that a bundle is tried with, and what is kept of the answer.

The image is made, not taken: discs, bars and a gradient of all colors, so that a bundle carries
nobody's image and every channel is exercised.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.extras import require
from edgenets.tasks.vision.image import Image
from edgenets.tasks.vision.preprocess import Preprocessor
from edgenets.tasks.vision.spec import ImageInput, ImageSpec

# Values that are kept of an answer, spread evenly over it: a mask of all pixels would be larger
# than the model.
MOST_VALUES = 1024


def golden_image(frame: ImageInput) -> Image:
    """The same drawing for every model of one size, in that size."""
    height, width = frame.height, frame.width
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    across, down = x / max(1, width - 1), y / max(1, height - 1)
    drawing = np.stack((255 * across, 255 * down, 255 * (1 - across)), axis=-1)
    rng = np.random.default_rng(20)
    side = min(height, width)
    for _ in range(12):
        middle = rng.uniform(0, (width, height))
        radius, color = rng.uniform(0.04, 0.2) * side, rng.uniform(0, 255, 3)
        inside = (x - middle[0]) ** 2 + (y - middle[1]) ** 2 < radius**2
        drawing[inside] = color
    drawing[(x // max(1, side // 12)) % 5 == 4] *= 0.5
    return np.asarray(drawing, np.uint8)


def golden_png(frame: ImageInput) -> bytes:
    """The drawing as PNG, which loses nothing."""
    done, data = require("cv2").imencode(".png", golden_image(frame))
    assert done, "OpenCV writes PNG"
    return bytes(data)


def output_of(spec: ImageSpec, session: Session, image: Image) -> NDArray[np.float32]:
    """What a session answers to an image, (n,) float32: its outputs one after another, thinned."""
    (source,) = session.artifact.inputs
    given = np.empty(source.shape, np.float32)
    Preprocessor(spec.input).into(image, given)
    outputs = session.run({source.name: given})
    flat = [outputs[info.name].reshape(-1) for info in session.artifact.outputs]
    whole: NDArray[np.float32] = np.concatenate(flat).astype(np.float32)
    return whole[:: -(-len(whole) // MOST_VALUES)]
