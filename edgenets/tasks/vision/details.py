"""What detectors say of objects beside upright boxes: keypoints, turned boxes, masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.extras import require
from edgenets.tasks.vision.boxes import Boxes
from edgenets.tasks.vision.heads import Candidates, Outputs
from edgenets.tasks.vision.preprocess import Placement
from edgenets.tasks.vision.results import Found, Point, Ring
from edgenets.tasks.vision.spec import Detail, ImageInput, Keypoints, ObjectMasks, Rotation

# Scales of the two sides that differ by less do so by the rounding of a letterbox.
_ALIKE = 0.02


@dataclass(frozen=True)
class Inference:
    """What a model says to one image, and where the image lies in the frame."""

    outputs: Outputs
    frame: ImageInput
    placement: Placement


@singledispatch
def detailed(
    detail: Detail, found: Sequence[Found], candidates: Candidates, answered: Inference
) -> list[Found]:
    """Objects with what a head says of them; those whose mask is empty are none.

    Args:
        found: the objects, with their upright boxes in the image.
        candidates: the same in the frame.
    """
    raise NotImplementedError(type(detail).__name__)


@detailed.register
def _(
    detail: Keypoints, found: Sequence[Found], candidates: Candidates, answered: Inference
) -> list[Found]:
    points = _columns(candidates).reshape(len(candidates), detail.count, -1)
    most = np.array((answered.placement.width, answered.placement.height), np.float32)
    places = np.clip(answered.placement.points_to_image(points[..., :2]), 0, most).tolist()
    scores = points[..., 2].tolist() if detail.scored else [[None] * detail.count] * len(points)
    return [
        replace(one, keypoints=tuple(Point(x, y, score) for (x, y), score in zip(*at, strict=True)))
        for one, *at in zip(found, places, scores, strict=True)
    ]


@detailed.register
def _(
    detail: Rotation, found: Sequence[Found], candidates: Candidates, answered: Inference
) -> list[Found]:
    turned = corners_in_image(candidates.boxes, _columns(candidates)[:, 0], answered.placement)
    most = np.array((answered.placement.width, answered.placement.height) * 2, np.float32)
    around = np.clip(np.concatenate((turned.min(axis=1), turned.max(axis=1)), axis=1), 0, most)
    return [
        replace(one, box=tuple(box), corners=tuple(map(tuple, corners)))
        for one, box, corners in zip(found, around.tolist(), turned.tolist(), strict=True)
    ]


@detailed.register
def _(
    detail: ObjectMasks, found: Sequence[Found], candidates: Candidates, answered: Inference
) -> list[Found]:
    pixels = answered.placement.width * answered.placement.height
    covered = answered.placement.scale_x * answered.placement.scale_y * pixels
    return [
        replace(
            one, outline=_rings(mask, answered.placement), area=float(mask.inside.sum() / covered)
        )
        for one, mask in zip(found, masks_of(detail, candidates, answered), strict=True)
        if mask.inside.any()
    ]


def corners_in_image(
    boxes: Boxes, angles: NDArray[np.float32], placement: Placement
) -> NDArray[np.float32]:
    """The four corners of each turned box, (n, 4, 2): x, y in pixels of the image.

    Args:
        boxes: (n, 4) of the frame, before they are turned about their middles.
        angles: (n,) radians.
    """
    alike = abs(placement.scale_x / placement.scale_y - 1) < _ALIKE
    # What turns in the frame keeps its angle in the image where both scales are one.
    straight = boxes.reshape(-1, 2, 2)
    straight = placement.points_to_image(straight) if alike else straight
    middle, half = straight.mean(axis=1), (straight[:, 1] - straight[:, 0]) / 2
    cos, sin = np.cos(angles), np.sin(angles)
    along = np.stack((cos, sin), axis=-1) * half[:, :1]
    across = np.stack((-sin, cos), axis=-1) * half[:, 1:]
    corners: NDArray[np.float32] = middle[:, None] + np.stack(
        (along + across, along - across, -along - across, across - along), axis=1
    )
    return corners if alike else placement.points_to_image(corners)


@dataclass(frozen=True)
class Mask:
    """The pixels of an object in a part of the frame."""

    inside: NDArray[np.uint8]  # (rows, columns) 0 or 1
    left: int  # of the part, in pixels of the frame
    top: int


def masks_of(detail: ObjectMasks, candidates: Candidates, answered: Inference) -> list[Mask]:
    """The mask of each object, cut off at its box.

    Prototypes are brought to the frame's size before what is above 0 is taken (as Ultralytics has
    it since 8.3; Bolya et al. 2019, “YOLACT”, compare first).
    """
    cv2: Any = require("cv2")
    prototypes = answered.outputs[detail.prototypes]
    prototypes = prototypes.reshape(prototypes.shape[-3:])
    if detail.layout == "nhwc":
        prototypes = prototypes.transpose(2, 0, 1)
    _, rows, columns = prototypes.shape
    height, width = answered.frame.height, answered.frame.width
    factors = _columns(candidates)
    masks = []
    for box, own in zip(candidates.boxes, factors, strict=True):
        # The pixels whose left upper corners lie in the box.
        left, top, right, bottom = np.clip(np.ceil(box), 0, (width, height) * 2).astype(int)
        part = _Part.of((left, top, right, bottom), (rows, columns), (height, width))
        if right <= left or bottom <= top:
            masks.append(Mask(np.zeros((0, 0), np.uint8), int(left), int(top)))
            continue
        low = np.tensordot(own, prototypes[:, part.top : part.low, part.left : part.right], 1)
        wide = cv2.resize(low.astype(np.float32), part.size, interpolation=cv2.INTER_LINEAR)
        y, x = top - part.top * part.up, left - part.left * part.across
        inside = wide[y : y + bottom - top, x : x + right - left] > 0
        masks.append(Mask(inside.view(np.uint8), int(left), int(top)))
    return masks


@dataclass(frozen=True)
class _Part:
    """The prototypes' cells that a box of the frame needs."""

    left: int
    top: int
    right: int
    low: int
    across: int  # pixels of the frame a cell
    up: int
    size: tuple[int, int]  # pixels of the frame: width, height

    @classmethod
    def of(cls, box: tuple[int, ...], cells: tuple[int, int], size: tuple[int, int]) -> _Part:
        """The cells around a box, and one more at each side for interpolation."""
        (rows, columns), (height, width) = cells, size
        if width % columns or height % rows:  # no whole number of pixels a cell: all of them
            return cls(0, 0, columns, rows, 0, 0, (width, height))
        across, up = width // columns, height // rows
        left, top = max(0, box[0] // across - 1), max(0, box[1] // up - 1)
        right, low = min(columns, box[2] // across + 2), min(rows, box[3] // up + 2)
        size = ((right - left) * across, (low - top) * up)
        return cls(left, top, right, low, across, up, size)


def _rings(mask: Mask, placement: Placement) -> tuple[Ring, ...]:
    """Rings through the outermost pixels of a mask, in pixels of the image."""
    cv2: Any = require("cv2")
    found, _ = cv2.findContours(mask.inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    most = np.array((placement.width, placement.height), np.float32)
    rings = []
    for contour in found:
        points = contour.reshape(-1, 2) + np.array((mask.left, mask.top), np.float32)
        places = np.clip(placement.points_to_image(points), 0, most)
        rings.append(tuple(map(tuple, places.tolist())))
    return tuple(rings)


def _columns(candidates: Candidates) -> NDArray[np.float32]:
    assert candidates.details is not None, "the head of a detail has them"
    return candidates.details
