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
