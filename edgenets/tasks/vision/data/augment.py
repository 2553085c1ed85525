"""Augmentation: one change of place for an image, its boxes and its mask; and other colors.

Every random choice comes from the generator that is passed in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.extras import require
from edgenets.tasks.vision.boxes import Boxes, area
from edgenets.tasks.vision.data.memory import IGNORED
from edgenets.tasks.vision.image import Image
from edgenets.tasks.vision.preprocess import GREY, Placement
from edgenets.tasks.vision.recipe import ImageAugmentRecipe

Matrix = NDArray[np.float64]  # (3, 3): from pixels of the image to pixels of the frame

# Of a box that the frame cuts off this part must be left, or it says nothing of its object.
_LEAST_LEFT = 0.3
_SMALLEST = 3.0  # pixels of the frame


def movement(
    rng: np.random.Generator,
    recipe: ImageAugmentRecipe,
    placement: Placement,
    width: int,
    height: int,
) -> Matrix:
    """A random change of place around the one that the device makes.

    Args:
        placement: how the device would put the image into the frame.
        width: of the frame, pixels.
        height: likewise.
    """
    p = placement
    into = np.array([[p.scale_x, 0, p.offset_x], [0, p.scale_y, p.offset_y], [0, 0, 1.0]])
    # About the middle of the frame, in a square of side 1: turns must not depend on its shape.
    middle = _affine(1 / width, 0, 0, 1 / height, -0.5, -0.5)
    if recipe.flip and rng.random() < 0.5:
        middle = _affine(-1, 0, 0, 1, 0, 0) @ middle
    if recipe.flip_vertical and rng.random() < 0.5:
        middle = _affine(1, 0, 0, -1, 0, 0) @ middle
    if recipe.turns:
        cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[int(rng.integers(4))]
        middle = _affine(cos, -sin, sin, cos, 0, 0) @ middle
    angle = np.deg2rad(rng.uniform(-recipe.rotate, recipe.rotate))
    scale = np.exp(rng.uniform(*np.log(recipe.scale)))
    ratio = np.exp(rng.uniform(-recipe.stretch, recipe.stretch) / 2)
    aspect = width / height
    cos, sin = np.cos(angle), np.sin(angle)
    turned = _affine(cos, -sin / aspect, sin * aspect, cos, 0, 0)
    x, y = rng.uniform(-recipe.shift, recipe.shift, 2)
    out = _affine(width, 0, 0, height, width / 2, height / 2)
    moved: Matrix = out @ _affine(scale * ratio, 0, 0, scale / ratio, x, y) @ turned @ middle @ into
    return moved


def moved_image(image: Image, matrix: Matrix, width: int, height: int) -> Image:
    """The image in its frame; grey where it does not reach."""
    cv2 = require("cv2")
    # warpAffine puts pixels on corners, where a placement has them in the middle of cells.
    out: Image = cv2.warpAffine(
        image,
        _centred(matrix),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(GREY, GREY, GREY),
    )
    return out


def moved_mask(mask: NDArray[np.uint8], matrix: Matrix, width: int, height: int) -> Any:
    """A mask in its frame; `IGNORED` where it does not reach."""
    cv2 = require("cv2")
    return cv2.warpAffine(
        mask,
        _centred(matrix),
        (width, height),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=IGNORED,
    )


def moved_instances(
    instances: NDArray[np.int32], matrix: Matrix, width: int, height: int
) -> NDArray[np.uint16]:
    """The numbers of instances in their frame; 0 where it does not reach."""
    cv2 = require("cv2")
    moved: NDArray[np.uint16] = cv2.warpAffine(
        instances.astype(np.uint16), _centred(matrix), (width, height), flags=cv2.INTER_NEAREST
    )
    return moved


def rims(instances: NDArray[np.uint16], wide: int) -> NDArray[np.bool_]:
    """Where another instance, or none, is no further than so many pixels."""
    cv2 = require("cv2")
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * wide + 1, 2 * wide + 1))
    most, least = cv2.dilate(instances, around), cv2.erode(instances, around)
    found: NDArray[np.bool_] = (instances > 0) & ((most != instances) | (least != instances))
    return found


def moved_boxes(
    boxes: Boxes, matrix: Matrix, frame: tuple[float, float, float, float]
) -> tuple[Boxes, NDArray[np.bool_]]:
    """The upright boxes around moved ones, cut off at the frame, and which are still to be seen.

    Args:
        boxes: (n, 4) in pixels of the image.
        frame: left, top, right, bottom of what is seen.
    """
    if not len(boxes):
        return np.empty((0, 4), np.float32), np.empty(0, bool)
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    moved = corners @ matrix[:2, :2].T + matrix[:2, 2]
    whole = np.concatenate((moved.min(axis=1), moved.max(axis=1)), axis=1).astype(np.float32)
    cut = np.empty_like(whole)
    cut[:, 0::2] = np.clip(whole[:, 0::2], frame[0], frame[2])
    cut[:, 1::2] = np.clip(whole[:, 1::2], frame[1], frame[3])
    sides = cut[:, 2:] - cut[:, :2]
    seen = (area(cut) >= _LEAST_LEFT * area(whole)) & (sides >= _SMALLEST).all(axis=1)
    return cut[seen], seen


def colored(
    rng: np.random.Generator, recipe: ImageAugmentRecipe, image: Image
) -> NDArray[np.float32]:
    """Other light, another camera, (height, width, 3) float32 of 0…255."""
    cv2 = require("cv2")
    if recipe.blur and rng.random() < recipe.blur:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.2)))
    if recipe.hue:
        hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
        turn = int(np.rint(rng.uniform(-recipe.hue, recipe.hue) * 180))
        hsv[..., 0] = (hsv[..., 0].astype(np.int16) + turn) % 180
        image = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    x = image.astype(np.float32)
    if recipe.saturation:
        grey = x.mean(axis=2, keepdims=True)
        x = grey + (x - grey) * np.float32(
            rng.uniform(1 - recipe.saturation, 1 + recipe.saturation)
        )
    middle = np.float32(x.mean())
    x = middle + (x - middle) * np.float32(rng.uniform(1 - recipe.contrast, 1 + recipe.contrast))
    x += np.float32(255 * rng.uniform(-recipe.brightness, recipe.brightness))
    if recipe.noise:
        strength = np.float32(255 * rng.uniform(0, recipe.noise))
        x += strength * rng.standard_normal(x.shape, dtype=np.float32)
    if recipe.erase and rng.random() < recipe.erase:
        _erase(rng, x)
    return np.clip(x, 0, 255, out=x)


def _erase(rng: np.random.Generator, x: NDArray[np.float32]) -> None:
    """A grey rectangle over a part (Zhong et al. 2020, arXiv:1708.04896)."""
    height, width = x.shape[:2]
    high, wide = (int(side * rng.uniform(0.1, 0.4)) for side in (height, width))
    top, left = int(rng.integers(0, height - high)), int(rng.integers(0, width - wide))
    x[top : top + high, left : left + wide] = GREY


def _affine(a: float, b: float, c: float, d: float, x: float, y: float) -> Matrix:
    return np.array([[a, b, x], [c, d, y], [0, 0, 1.0]])


def _centred(matrix: Matrix) -> NDArray[np.float64]:
    """The same movement for coordinates that call the first pixel's middle 0, not ½."""
    half = _affine(1, 0, 0, 1, 0.5, 0.5)
    back = _affine(1, 0, 0, 1, -0.5, -0.5)
    out: NDArray[np.float64] = (back @ matrix @ half)[:2]
    return out
