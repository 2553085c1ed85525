"""Boxes: overlap, and suppression of those that show what another shows already.

A box is left, top, right, bottom.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]  # (n, 4)


def area(boxes: Boxes) -> NDArray[np.float32]:
    """The area of each box, (n,)."""
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    out: NDArray[np.float32] = size[:, 0] * size[:, 1]
    return out


def iou(first: Boxes, second: Boxes) -> NDArray[np.float32]:
    """Intersection over union of every box with every other, (n, m)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    size = np.maximum(high - low, 0)
    common = size[..., 0] * size[..., 1]
    union = area(first)[:, None] + area(second)[None] - common
    out: NDArray[np.float32] = common / np.maximum(union, 1e-9)
    return out


def corners_of(middles: Boxes) -> Boxes:
    """Boxes that were x, y of the middle, width, height; (n, 4)."""
    half = middles[:, 2:] / 2
    out: Boxes = np.concatenate((middles[:, :2] - half, middles[:, :2] + half), axis=1)
    return out


def suppress(
    boxes: Boxes, scores: NDArray[np.float32], labels: NDArray[np.int64], limit: float, most: int
) -> NDArray[np.int64]:
    """Non-maximum suppression, label by label (greedy, as Pascal VOC's detectors had it).

    Args:
        boxes: (n, 4).
        scores: (n,).
        labels: (n,) numbers; boxes of different labels leave each other alone.
        limit: IoU beyond which the box of the lower score goes.
        most: boxes that are kept at most.

    Returns:
        the numbers of those that stay, the best first; of equal scores the first.
    """
    order = np.argsort(-scores, kind="stable")
    if len(order) < 2:
        return order[:most]
    left, top, right, bottom = boxes[order].T.copy()
    labels = labels[order]
    size = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    wide = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    high = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    common = np.maximum(wide, 0) * np.maximum(high, 0)
    # common / (a + b - common) > limit, without a division for every pair
    beyond = common * np.float32(1 + limit) > np.float32(limit) * (size[:, None] + size)
    beyond &= labels[:, None] == labels
    stays = np.ones(len(order), bool)
    for row in range(len(order) - 1):
        if stays[row]:
            stays[row + 1 :] &= ~beyond[row, row + 1 :]
    kept: NDArray[np.int64] = order[stays][:most]
    return kept


def suppress_rotated(
    boxes: Boxes,
    angles: NDArray[np.float32],
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    limit: float,
    most: int,
) -> NDArray[np.int64]:
    """Non-maximum suppression of turned boxes, label by label, as Ultralytics has it.

    Fast NMS (Bolya et al. 2019, “YOLACT”): a box goes that overlaps any better one, be that one
    gone itself.

    Args:
        boxes: (n, 4), before they are turned about their middles.
        angles: (n,) radians.
        scores: (n,).
        labels: (n,) numbers; boxes of different labels leave each other alone.
        limit: overlap beyond which the box of the lower score goes, by `rotated_overlap`.
        most: boxes that are kept at most.

    Returns:
        the numbers of those that stay, the best first.
    """
    order = np.argsort(-scores, kind="stable")
    overlap = rotated_overlap(boxes[order], angles[order])
    beyond = (overlap > limit) & (labels[order][:, None] == labels[order])
    kept: NDArray[np.int64] = order[~np.triu(beyond, 1).any(axis=0)][:most]
    return kept


def rotated_overlap(boxes: Boxes, angles: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far every turned box lies over every other, 0…1: (n, n).

    One less the Hellinger distance of the normal distributions that have the boxes' moments
    (Llerena et al. 2021, “Gaussian Bounding Boxes and Probabilistic Intersection-over-Union”).

    Args:
        boxes: (n, 4), before they are turned about their middles.
        angles: (n,) radians.
    """
    small = 1e-7
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    wide, high = ((boxes[:, 2:] - boxes[:, :2]) ** 2 / 12).T
    cos, sin = np.cos(angles), np.sin(angles)
    a, b = wide * cos**2 + high * sin**2, wide * sin**2 + high * cos**2
    c = (wide - high) * cos * sin
    x, y = (middle[:, None] - middle[None]).transpose(2, 0, 1)
    both_a, both_b, both_c = (v[:, None] + v[None] for v in (a, b, c))
    determinant = both_a * both_b - both_c**2
    apart = (both_a * y**2 + both_b * x**2 - 2 * both_c * x * y) / (determinant + small) / 4
    own = np.maximum(a * b - c**2, 0)
    unlike = np.log(determinant / (4 * np.sqrt(own[:, None] * own[None]) + small) + small) / 2
    distance = np.clip(apart + unlike, small, 100.0)
    out: NDArray[np.float32] = 1 - np.sqrt(1 - np.exp(-distance) + small)
    return out
