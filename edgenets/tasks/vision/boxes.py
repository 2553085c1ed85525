"""Boxes: overlap, and suppression of those that show what another shows already.

A box is left, top, right, bottom.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]  # (n, 4)

# Pixels between boxes of one label and the next, as Ultralytics moves them.
_APART = 7680

# Boxes of which all pairs are compared at once.
_FEW = 400


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


def middles_of(boxes: Boxes) -> Boxes:
    """The opposite of `corners_of`."""
    first, last = boxes[:, :2], boxes[:, 2:]
    out: Boxes = np.concatenate(((first + last) / 2, last - first), axis=1)
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
    sides = boxes[order].T.copy()
    labels = labels[order]
    # All pairs at once where they are few; of many, each that stays against those after it.
    stays = _all_pairs if len(order) <= _FEW else _one_by_one
    kept: NDArray[np.int64] = order[stays(sides, labels, limit, most)][:most]
    return kept


def _all_pairs(
    sides: NDArray[np.float32], labels: NDArray[np.int64], limit: float, most: int
) -> NDArray[np.int64]:
    """The numbers of the boxes that stay, of boxes from the best to the worst; (4, n) sides."""
    left, top, right, bottom = sides
    size = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    wide = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    high = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    common = np.maximum(wide, 0) * np.maximum(high, 0)
    # common / (a + b - common) > limit, without a division for every pair
    beyond = common * np.float32(1 + limit) > np.float32(limit) * (size[:, None] + size)
    beyond &= labels[:, None] == labels
    stays = np.ones(len(size), bool)
    for row in range(len(size) - 1):
        if stays[row]:
            stays[row + 1 :] &= ~beyond[row, row + 1 :]
    return np.flatnonzero(stays)


def _one_by_one(
    sides: NDArray[np.float32], labels: NDArray[np.int64], limit: float, most: int
) -> NDArray[np.int64]:
    """As `_all_pairs`, until there are `most`."""
    left, top, right, bottom = sides
    size = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    rest = np.arange(len(size))
    kept: list[np.int64] = []
    while len(rest) and len(kept) < most:
        best, rest = rest[0], rest[1:]
        kept.append(best)
        wide = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest])
        high = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest])
        common = np.maximum(wide, 0) * np.maximum(high, 0)
        beyond = common * np.float32(1 + limit) > np.float32(limit) * (size[best] + size[rest])
        rest = rest[~(beyond & (labels[rest] == labels[best]))]
    return np.array(kept, np.int64)


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
    # Labels lie far apart, and what that rounds off decides as it does there.
    turned = np.concatenate((middles_of(boxes), angles[:, None]), axis=1)
    turned[:, :2] += np.float32(_APART) * labels[:, None].astype(np.float32)
    kept: list[int] = []
    for begin in range(0, len(order), _FEW):
        some, before = order[begin : begin + _FEW], order[: begin + _FEW]
        beyond = rotated_overlap(turned[before], turned[some]) > limit
        # Column `begin + i` is the box itself: those before it are better.
        kept += some[~np.triu(beyond, 1 - begin).any(axis=0)].tolist()
        if len(kept) >= most:
            break
    return np.array(kept[:most], np.int64)


def rotated_overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far every turned box lies over every other, 0…1: (n, m).

    One less the Hellinger distance of the normal distributions that have the boxes' moments
    (Llerena et al. 2021, “Gaussian Bounding Boxes and Probabilistic Intersection-over-Union”).

    Args:
        first: (n, 5) x, y of the middle, width, height, radians.
        second: (m, 5), likewise.
    """
    small = 1e-7
    a1, b1, c1 = (v[:, None] for v in _moments(first))
    a2, b2, c2 = _moments(second)
    x, y = (first[:, None, :2] - second[None, :, :2]).transpose(2, 0, 1)
    a, b, c = a1 + a2, b1 + b2, c1 + c2
    determinant = a * b - c**2
    apart = (a * y**2 + b * x**2 - 2 * c * x * y) / (determinant + small) / 4
    own = np.maximum(a1 * b1 - c1**2, 0) * np.maximum(a2 * b2 - c2**2, 0)
    unlike = np.log(determinant / (4 * np.sqrt(own) + small) + small) / 2
    distance = np.clip(apart + unlike, small, 100.0)
    out: NDArray[np.float32] = 1 - np.sqrt(1 - np.exp(-distance) + small)
    return out


def _moments(turned: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Variance along x and y, and covariance, of each box's area; (n,) each."""
    wide, high = (turned[:, 2:4] ** 2 / 12).T
    cos, sin = np.cos(turned[:, 4]), np.sin(turned[:, 4])
    return (
        wide * cos**2 + high * sin**2,
        wide * sin**2 + high * cos**2,
        (wide - high) * cos * sin,
    )
