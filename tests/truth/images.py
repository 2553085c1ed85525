"""Images that carry a number: twelve bands, each with all of it in black and white cells.

A decoder that fills up what is missing (with gray, or with the image before) leaves bands that say
another number or none; an image that lies on its side has no bands.
"""

from __future__ import annotations

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

BITS, CHECK = 24, 8  # of the number, of its check sum
CELL, BANDS = 8, 12  # pixels, of a square cell; bands from the top
WIDTH, HEIGHT = CELL * (BITS + CHECK), CELL * BANDS

# Bands in which black is white: an image that is upside down has others.
INVERTED = (1, 3, 5, 6)

DARK, LIGHT = 80, 175  # a cell between them says nothing


def drawn(number: int) -> NDArray[np.uint8]:
    """(96, 256, 3) BGR. `number` is below 2²⁴."""
    code = number << CHECK | _check(number)
    bits = [code >> (BITS + CHECK - 1 - i) & 1 for i in range(BITS + CHECK)]
    row = np.repeat(np.array(bits, np.uint8) * 255, CELL)
    bands = [np.tile(255 - row if b in INVERTED else row, (CELL, 1)) for b in range(BANDS)]
    return cv2.cvtColor(np.vstack(bands), cv2.COLOR_GRAY2BGR)


def jpeg(number: int, quality: int = 90) -> bytes:
    """The image as a camera sends it."""
    done, data = cv2.imencode(".jpg", drawn(number), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return bytes(data)


def number_of(image: NDArray[np.uint8]) -> int | None:
    """What an image of any size says, or None where it is not a whole image of this world."""
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height, width = gray.shape
    if height > width:
        return None
    ys = ((np.arange(BANDS) + 0.5) * height / BANDS).astype(int)
    xs = ((np.arange(BITS + CHECK) + 0.5) * width / (BITS + CHECK)).astype(int)
    down, across = max(1, height // BANDS // 4), max(1, width // (BITS + CHECK) // 4)
    cells = np.stack([
        gray[np.ix_(np.clip(ys + dy, 0, height - 1), np.clip(xs + dx, 0, width - 1))]
        for dy in (-down, 0, down) for dx in (-across, 0, across)
    ]).astype(np.float32)  # fmt: skip
    cells[:, INVERTED] = 255 - cells[:, INVERTED]
    if ((cells > DARK) & (cells < LIGHT)).any():
        return None
    bits = cells > 128
    if (bits != bits[0, 0]).any():
        return None
    code = int("".join("1" if bit else "0" for bit in bits[0, 0]), 2)
    number = code >> CHECK
    return number if code & (1 << CHECK) - 1 == _check(number) else None


def _check(number: int) -> int:
    return zlib.crc32(number.to_bytes(4, "big")) & (1 << CHECK) - 1
