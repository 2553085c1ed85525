"""What the heads of detectors say: the boxes of all objects that reach their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.errors import ModelError
from edgenets.tasks.vision.boxes import Boxes, corners_of
from edgenets.tasks.vision.spec import (
    BoxHead,
    ImageInput,
    Keypoints,
    ListHead,
    PointHead,
    SsdHead,
    YoloHead,
)

Outputs = Mapping[str, Array]  # real values, by name


@dataclass(frozen=True)
class Candidates:
    """Boxes that may be objects, in pixels of the frame."""

    boxes: Boxes  # (n, 4) left, top, right, bottom; of a turned box before it is turned
    scores: NDArray[np.float32]  # (n,)
    labels: NDArray[np.int64]  # (n,) numbers
    details: NDArray[np.float32] | None = None  # (n, columns) of the head's detail

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, which: NDArray[np.int64]) -> Candidates:
        """Those of these numbers, in their order."""
        details = None if self.details is None else self.details[which]
        return Candidates(self.boxes[which], self.scores[which], self.labels[which], details)


class Reader(Protocol):
    """Outputs of one inference to candidates."""

    def __call__(self, outputs: Outputs, limits: NDArray[np.float32]) -> Candidates:
        """All that reach their limit, (labels,) scores."""
        ...


@singledispatch
def reader(head: BoxHead, frame: ImageInput) -> Reader:
    """What reads the boxes of a head."""
    raise NotImplementedError(type(head).__name__)


@reader.register
def _(head: PointHead, frame: ImageInput) -> Reader:
    corners = [cell_middles(frame, stride) for stride in head.strides]

    def read(outputs: Outputs, limits: NDArray[np.float32]) -> Candidates:
        # A score's order is a logit's: only those that reach a limit become probabilities.
        raw = _logits_of(limits) if head.scores == "logits" else limits
        found = []
        for stride, middles in zip(head.strides, corners, strict=True):
            scores = outputs[f"scores_{stride}"].reshape(len(middles), -1)
            rows, labels = np.nonzero(scores >= raw)
            if len(rows):
                sides = outputs[f"boxes_{stride}"].reshape(-1, 4)[rows] * np.float32(stride)
                at = middles[rows]
                boxes = np.concatenate((at - sides[:, :2], at + sides[:, 2:]), axis=1)
                found.append((boxes, scores[rows, labels], labels))
        if not found:
            return _NOTHING
        boxes, values, labels = (np.concatenate(part) for part in zip(*found, strict=True))
        return Candidates(boxes, sigmoid(values) if head.scores == "logits" else values, labels)

    return read


@reader.register
def _(head: SsdHead, frame: ImageInput) -> Reader:
    size = np.array((frame.width, frame.height) * 2, np.float32)

    def read(outputs: Outputs, limits: NDArray[np.float32]) -> Candidates:
        count = min(int(outputs[head.count].reshape(-1)[0]), outputs[head.scores].size)
        scores = outputs[head.scores].reshape(-1)[:count]
        labels = outputs[head.classes].reshape(-1)[:count].astype(np.int64)
        boxes = outputs[head.boxes].reshape(-1, 4)[:count][:, (1, 0, 3, 2)] * size
        kept = _reached(scores, labels, limits)
        return Candidates(boxes[kept], scores[kept], labels[kept])

    return read


@reader.register
def _(head: YoloHead, frame: ImageInput) -> Reader:
    size = _size(head, frame)
    first = 5 if head.objectness else 4

    def read(outputs: Outputs, limits: NDArray[np.float32]) -> Candidates:
        grid = outputs[head.output]
        grid = grid.reshape(grid.shape[-2], grid.shape[-1])
        grid = grid.T if head.transposed else grid
        last = first + len(limits)
        _check_columns(head, grid, last)
        scores = grid[:, first:last]
        if head.scores == "logits":
            scores = sigmoid(scores)
        if head.objectness:
            own = grid[:, 4:5]
            scores = scores * (sigmoid(own) if head.scores == "logits" else own)
        reached = scores >= limits
        if head.best:
            reached &= np.arange(scores.shape[1]) == scores.argmax(axis=1)[:, None]
        rows, labels = np.nonzero(reached)
        boxes = (corners_of(grid[rows, :4]) * size).astype(np.float32)
        values = scores[rows, labels].astype(np.float32)
        return Candidates(boxes, values, labels, _details(head, grid[rows, last:], size))

    return read


@reader.register
def _(head: ListHead, frame: ImageInput) -> Reader:
    size = _size(head, frame)

    def read(outputs: Outputs, limits: NDArray[np.float32]) -> Candidates:
        rows = outputs[head.output]
        rows = rows.reshape(-1, rows.shape[-1])
        _check_columns(head, rows, 6)
        labels = rows[:, 5].astype(np.int64)
        kept = _reached(rows[:, 4], labels, limits) & (rows[:, 4] > 0)
        rows, labels = rows[kept], labels[kept]
        boxes = corners_of(rows[:, :4]) if head.centred else rows[:, :4]
        boxes = (boxes * size).astype(np.float32)
        details = _details(head, rows[:, 6:], size)
        return Candidates(boxes, rows[:, 4].astype(np.float32), labels, details)

    return read


def sigmoid(x: Array) -> NDArray[np.float32]:
    """The logistic function, without overflow."""
    out: NDArray[np.float32] = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1))
    return out


def cell_middles(frame: ImageInput, stride: int) -> NDArray[np.float32]:
    """The middle of each cell of a level, (rows · columns, 2): x, y in pixels of the frame."""
    rows, columns = -(-frame.height // stride), -(-frame.width // stride)
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    middles = (np.stack((x, y), axis=-1).reshape(-1, 2) + 0.5) * stride
    return np.asarray(middles, np.float32)


_NOTHING = Candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))


def _size(head: YoloHead | ListHead, frame: ImageInput) -> NDArray[np.float32]:
    """What a head's numbers are in pixels, of left, top, right, bottom."""
    return np.array((frame.width, frame.height) * 2 if head.normalised else (1.0,) * 4, np.float32)


def _check_columns(head: YoloHead | ListHead, rows: Array, before: int) -> None:
    """Hold the width of a head's output against what is read of it."""
    wanted = before + (head.detail.columns if head.detail is not None else 0)
    if rows.shape[1] != wanted:
        raise ModelError(
            f"'{head.output}' has {rows.shape[1]} columns; {wanted} are needed, for box, scores "
            f"and what else is said of an object"
        )


def _details(
    head: YoloHead | ListHead, columns: Array, size: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """What a head says of objects beside their boxes, points in pixels of the frame."""
    if head.detail is None:
        return None
    found: NDArray[np.float32] = columns.astype(np.float32)
    if head.normalised and isinstance(head.detail, Keypoints):
        points = found.reshape(len(found), head.detail.count, -1)
        points[..., :2] *= size[:2]
    return found


def _reached(
    scores: Array, labels: NDArray[np.int64], limits: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Which of the objects of a list have a label that there is, and reach its limit."""
    known = (labels >= 0) & (labels < len(limits))
    out: NDArray[np.bool_] = known & (scores >= limits[np.where(known, labels, 0)])
    return out


def _logits_of(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logit of each probability; what is never reached stays so."""
    inside = np.clip(probabilities, 1e-7, 1 - 1e-7)
    logits = np.log(inside / (1 - inside))
    return np.where(probabilities > 1, np.inf, logits).astype(np.float32)
