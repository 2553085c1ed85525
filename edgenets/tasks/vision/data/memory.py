"""Labeled images in memory, no larger than training needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.extras import require
from edgenets.tasks.vision import image
from edgenets.tasks.vision.boxes import Boxes
from edgenets.tasks.vision.data.catalogue import Labelled
from edgenets.tasks.vision.data.drawn import unpacked
from edgenets.tasks.vision.image import Image
from edgenets.tasks.vision.spec import ImageInput

# Images are kept at this times the model's size, at most: an enlarged part stays sharp.
_MARGIN = 2.0

# Mask pixels that are left out of account: what lies around the image, or is known by half.
IGNORED = 255


@dataclass(frozen=True)
class Example:
    """One image with what its task wants to know."""

    path: Path
    image: Image
    label: int = -1
    boxes: Boxes | None = None  # (n, 4) in pixels of `image`
    numbers: NDArray[np.int64] | None = None  # (n,) label numbers of the boxes
    mask: NDArray[np.uint8] | None = None  # label number of each pixel of `image`
    # instance number of each pixel, 0 none, where the mask had them
    instances: NDArray[np.int32] | None = None


@dataclass(frozen=True)
class Examples:
    """One split."""

    items: tuple[Example, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.items)


def load(
    images: Sequence[Labelled],
    labels: Sequence[str],
    foreground: bool = False,
    shrink_to: ImageInput | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Examples:
    """Read images.

    Args:
        labels: of the model, in its order.
        foreground: masks number instances, or all their classes are one.
        shrink_to: make images smaller that are much larger than this; None keeps all as they are.
        progress: called with (done, all).

    Raises:
        DataError: an image or mask cannot be read, or they do not fit.
    """
    index = {label: i for i, label in enumerate(labels)}
    items = []
    for done, item in enumerate(images, 1):
        items.append(_example(item, index, foreground, shrink_to))
        if progress is not None:
            progress(done, len(images))
    return Examples(tuple(items), tuple(labels))


def _example(
    item: Labelled, index: dict[str, int], foreground: bool, shrink_to: ImageInput | None
) -> Example:
    whole = image.read(item.path)
    height, width = whole.shape[:2]
    factor = 1.0
    if shrink_to is not None:
        factor = min(1.0, max(shrink_to.height / height, shrink_to.width / width) * _MARGIN)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    cv2 = require("cv2")
    pixels = whole if factor == 1.0 else cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    boxes = numbers = mask = instances = None
    if item.mask is not None or item.painted:
        mask, instances = _mask_of(item, index, foreground, (height, width))
        if factor != 1.0:
            mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
            if instances is not None:
                instances = cv2.resize(instances, size, interpolation=cv2.INTER_NEAREST)
    elif not item.label:
        scale = np.array((size[0] / width, size[1] / height) * 2)
        corners = [(t.left, t.top, t.right, t.bottom) for t in item.things]
        boxes = (np.array(corners).reshape(-1, 4) * scale).astype(np.float32)
        numbers = np.array([index[t.label] for t in item.things], np.int64)
    return Example(item.path, pixels, index.get(item.label, -1), boxes, numbers, mask, instances)


def _mask_of(
    item: Labelled, index: dict[str, int], foreground: bool, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
    """The label number of each pixel of an image, and its instances where there are any."""
    if item.mask is None:
        return _painted(item, index, foreground, size)
    drawn = image.read_mask(item.mask)
    if drawn.shape != size:
        raise DataError(f"{item.mask}: is {drawn.shape}, its image {size}")
    mask = _labels_of(drawn, len(index), foreground, item.mask)
    return mask, _numbered(drawn) if foreground else None


def _numbered(instances: NDArray[np.int32]) -> NDArray[np.int32]:
    """The same instances, numbered so that 16 bits hold the numbers."""
    if instances.max() < 1 << 16:
        return instances
    _, compact = np.unique(instances, return_inverse=True)
    found: NDArray[np.int32] = compact.reshape(instances.shape).astype(np.int32)
    return found


def _painted(
    item: Labelled, index: dict[str, int], foreground: bool, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
    """A mask of the things of an image, large ones below small ones, and their instances.

    What has a box alone is left out of account: nobody can say which of its pixels it is.
    """
    mask, instances = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    for thing in item.things:
        if not thing.pixels:
            rows = slice(int(thing.top), int(np.ceil(thing.bottom)))
            mask[rows, int(thing.left) : int(np.ceil(thing.right))] = IGNORED
    for pixels in item.ignored:
        mask[unpacked(pixels, *size) > 0] = IGNORED
    outlined = [(unpacked(t.pixels, *size) > 0, t.label) for t in item.things if t.pixels]
    outlined.sort(key=lambda found: -int(found[0].sum()))
    for number, (inside, label) in enumerate(outlined, 1):
        mask[inside] = 1 if foreground else index[label]
        instances[inside] = number
    return mask, instances if foreground else None


def _labels_of(
    drawn: NDArray[np.int32], labels: int, foreground: bool, file: Path
) -> NDArray[np.uint8]:
    """A mask's numbers as label numbers; 255 stays, for it is left out of account."""
    if foreground:
        return (drawn > 0).astype(np.uint8)
    if drawn.min() < 0 or ((drawn >= labels) & (drawn != 255)).any():
        raise DataError(
            f"{file}: holds the number {drawn[drawn != 255].max()}; there are {labels} labels. "
            f"Where masks number instances, set foreground = true in the recipe's [data]"
        )
    return drawn.astype(np.uint8)
