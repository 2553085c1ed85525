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
    boxes, labels = boxes[order], labels[order]
    beyond = iou(boxes, boxes) > limit
    beyond &= labels[:, None] == labels[None]
    stays = np.ones(len(order), bool)
    # Only boxes that overlap something can decide anything; the others are left alone.
    beyond[np.tril_indices(len(order))] = False
    for row in np.flatnonzero(beyond.any(axis=1)):
        if stays[row]:
            stays &= ~beyond[row]
    kept: NDArray[np.int64] = order[stays][:most]
    return kept
