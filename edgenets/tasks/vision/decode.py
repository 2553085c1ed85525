"""A model's outputs become findings: one decoder a task, ours and third-party heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.errors import ModelError
from edgenets.extras import require
from edgenets.tasks.vision.boxes import Boxes, suppress
from edgenets.tasks.vision.preprocess import Placement
from edgenets.tasks.vision.results import Findings, Found
from edgenets.tasks.vision.spec import (
    BoxDecoding,
    BoxHead,
    ClassDecoding,
    ImageInput,
    ImageSpec,
    ListHead,
    MaskDecoding,
    PointHead,
    SsdHead,
    YoloHead,
)

Outputs = Mapping[str, Array]  # real values, by name

# Candidates that suppression looks at: the best. More make it slow, and none of them stays.
_CANDIDATES = 1000


class Decoder(Protocol):
    """Outputs of one inference to findings in the image."""

    def decode(self, outputs: Outputs, placement: Placement) -> Findings:
        """What the model found; boxes are in pixels of the image."""
        ...


def decoder(spec: ImageSpec, scale: float | None = None) -> Decoder:
    """The decoder of a model.

    Args:
        scale: of a mask's scores, where they come as integers; None: they are real.
    """
    decoding = spec.decoding
    if isinstance(decoding, ClassDecoding):
        return ClassDecoder(spec.labels, decoding)
    if isinstance(decoding, BoxDecoding):
        return BoxDecoder(spec.labels, spec.input, decoding)
    return MaskDecoder(spec.labels, spec.input, decoding, scale)


def sigmoid(x: Array) -> NDArray[np.float32]:
    """The logistic function, without overflow."""
    out: NDArray[np.float32] = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1))
    return out


def softmax(x: Array) -> NDArray[np.float32]:
    """Along the last axis."""
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    out: NDArray[np.float32] = (shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)
    return out


def limits_of(labels: Sequence[str], decoding: ClassDecoding | BoxDecoding) -> NDArray[np.float32]:
    """The score from which each label is reported; the background never is."""
    return np.array(
        [
            np.inf if x in decoding.background else decoding.thresholds.get(x, decoding.threshold)
            for x in labels
        ],
        np.float32,
    )


class ClassDecoder:
    """Scores of labels."""

    def __init__(self, labels: Sequence[str], decoding: ClassDecoding) -> None:
        self.labels, self._decoding = tuple(labels), decoding
        self.limits = limits_of(labels, decoding)

    def posterior(self, outputs: Outputs) -> NDArray[np.float32]:
        """The score of each label, (labels,)."""
        scores = outputs[self._decoding.output].reshape(-1)
        return softmax(scores) if self._decoding.scores == "logits" else scores

    def decode(self, outputs: Outputs, placement: Placement) -> Findings:
        """See `Decoder.decode`."""
        posterior = self.posterior(outputs)
        if self._decoding.top == 1:
            best = [int(posterior.argmax())]
        else:
            best = [int(i) for i in np.argsort(-posterior, kind="stable")[: self._decoding.top]]
        return Findings(
            tuple(
                Found(self.labels[i], float(posterior[i]))
                for i in best
                if posterior[i] >= self.limits[i]
            )
        )


class BoxDecoder:
    """Boxes of objects, whichever head gives them."""

    def __init__(self, labels: Sequence[str], frame: ImageInput, decoding: BoxDecoding) -> None:
        self.labels, self._decoding = tuple(labels), decoding
        self.limits = limits_of(labels, decoding)
        self._candidates = candidates(decoding.head, frame)
        self._suppressed = isinstance(decoding.head, (SsdHead, ListHead))  # by the graph itself

    def decode(self, outputs: Outputs, placement: Placement) -> Findings:
        """See `Decoder.decode`."""
        boxes, scores, labels = self.boxes(outputs, placement)
        return Findings(
            tuple(
                Found(self.labels[label], score, tuple(box))
                for box, score, label in zip(
                    boxes.tolist(), scores.tolist(), labels.tolist(), strict=True
                )
            )
        )

    def boxes(
        self, outputs: Outputs, placement: Placement
    ) -> tuple[Boxes, NDArray[np.float32], NDArray[np.int64]]:
        """Boxes in pixels of the image, their scores and label numbers; the best first."""
        boxes, scores, labels = self._candidates(outputs, self.limits)
        if len(scores) > _CANDIDATES:
            best = np.argsort(-scores, kind="stable")[:_CANDIDATES]
            boxes, scores, labels = boxes[best], scores[best], labels[best]
        most = self._decoding.most
        if self._suppressed:
            stay = np.argsort(-scores, kind="stable")[:most]
        else:
            stay = suppress(boxes, scores, labels, self._decoding.iou, most)
        return placement.to_image(boxes[stay]), scores[stay], labels[stay]


class _Candidates(Protocol):
    def __call__(
        self, outputs: Outputs, limits: NDArray[np.float32]
    ) -> tuple[Boxes, NDArray[np.float32], NDArray[np.int64]]:
        """Boxes in pixels of the frame, scores, labels: of all that reach their limit."""
        ...


@singledispatch
def candidates(head: BoxHead, frame: ImageInput) -> _Candidates:
    """What reads the boxes of a head."""
    raise NotImplementedError(type(head).__name__)


@candidates.register
def _(head: PointHead, frame: ImageInput) -> _Candidates:
    corners = [cell_middles(frame, stride) for stride in head.strides]

    def read(outputs: Outputs, limits: NDArray[np.float32]) -> Any:
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
            return _nothing()
        boxes, values, labels = (np.concatenate(part) for part in zip(*found, strict=True))
        return boxes, sigmoid(values) if head.scores == "logits" else values, labels

    return read


@candidates.register
def _(head: SsdHead, frame: ImageInput) -> _Candidates:
    size = np.array((frame.width, frame.height) * 2, np.float32)

    def read(outputs: Outputs, limits: NDArray[np.float32]) -> Any:
        count = min(int(outputs[head.count].reshape(-1)[0]), outputs[head.scores].size)
        scores = outputs[head.scores].reshape(-1)[:count]
        labels = outputs[head.classes].reshape(-1)[:count].astype(np.int64)
        boxes = outputs[head.boxes].reshape(-1, 4)[:count][:, (1, 0, 3, 2)] * size
        known = (labels >= 0) & (labels < len(limits))
        kept = known & (scores >= limits[np.where(known, labels, 0)])
        return boxes[kept], scores[kept], labels[kept]

    return read


@candidates.register
def _(head: YoloHead, frame: ImageInput) -> _Candidates:
    size = np.array((frame.width, frame.height) * 2 if head.normalised else (1.0,) * 4, np.float32)
    first = 5 if head.objectness else 4

    def read(outputs: Outputs, limits: NDArray[np.float32]) -> Any:
        grid = outputs[head.output]
        grid = grid.reshape(grid.shape[-2], grid.shape[-1])
        grid = grid.T if head.transposed else grid
        if grid.shape[1] != first + len(limits):
            raise ModelError(
                f"'{head.output}' has {grid.shape[1]} columns; {first} and one for each of "
                f"{len(limits)} labels are needed"
            )
        scores = grid[:, first:]
        if head.scores == "logits":
            scores = sigmoid(scores)
        if head.objectness:
            own = grid[:, 4:5]
            scores = scores * (sigmoid(own) if head.scores == "logits" else own)
        reached = scores >= limits
        if head.best:
            reached &= np.arange(scores.shape[1]) == scores.argmax(axis=1)[:, None]
        rows, labels = np.nonzero(reached)
        middle, half = grid[rows, :2], grid[rows, 2:4] / 2
        boxes = np.concatenate((middle - half, middle + half), axis=1) * size
        return boxes.astype(np.float32), scores[rows, labels].astype(np.float32), labels

    return read


@candidates.register
def _(head: ListHead, frame: ImageInput) -> _Candidates:
    size = np.array((frame.width, frame.height) * 2 if head.normalised else (1.0,) * 4, np.float32)

    def read(outputs: Outputs, limits: NDArray[np.float32]) -> Any:
        rows = outputs[head.output].reshape(-1, 6)
        labels = rows[:, 5].astype(np.int64)
        known = (labels >= 0) & (labels < len(limits)) & (rows[:, 4] > 0)
        kept = known & (rows[:, 4] >= limits[np.where(known, labels, 0)])
        boxes = (rows[kept, :4] * size).astype(np.float32)
        return boxes, rows[kept, 4].astype(np.float32), labels[kept]

    return read


def cell_middles(frame: ImageInput, stride: int) -> NDArray[np.float32]:
    """The middle of each cell of a level, (rows · columns, 2): x, y in pixels of the frame."""
    rows, columns = -(-frame.height // stride), -(-frame.width // stride)
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    middles = (np.stack((x, y), axis=-1).reshape(-1, 2) + 0.5) * stride
    return np.asarray(middles, np.float32)


def _logits_of(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logit of each probability; what is never reached stays so."""
    inside = np.clip(probabilities, 1e-7, 1 - 1e-7)
    logits = np.log(inside / (1 - inside))
    return np.where(probabilities > 1, np.inf, logits).astype(np.float32)


def _nothing() -> tuple[Boxes, NDArray[np.float32], NDArray[np.int64]]:
    return np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64)


class MaskDecoder:
    """A label for every pixel, and the regions that they make."""

    def __init__(
        self,
        labels: Sequence[str],
        frame: ImageInput,
        decoding: MaskDecoding,
        scale: float | None = None,
    ) -> None:
        self.labels, self._frame, self._decoding = tuple(labels), frame, decoding
        self._two = len(labels) == 2
        self._reported = [i for i, x in enumerate(labels) if x not in decoding.background]
        # Two labels: the second holds where its logit is this much above the first's.
        limit = min(max(decoding.threshold, 1e-7), 1 - 1e-7)
        # In the scores' own units; their zero point falls out of the difference.
        self._margin = np.float32(np.log(limit / (1 - limit)) / (scale or 1.0))

    def mask(self, outputs: Outputs) -> NDArray[np.uint8]:
        """The label number of each pixel of the model's output, (rows, columns) uint8."""
        scores = outputs[self._decoding.output]
        rows, columns, channels = scores.shape[-3:]
        scores = scores.reshape(rows, columns, channels)
        if scores.shape[-1] == 2:
            first, second = scores[..., 0], scores[..., 1]
            above: NDArray[np.bool_]
            if self._margin:
                kind = np.float32 if scores.dtype == np.float32 else np.int16
                above = np.subtract(second, first, dtype=kind) > self._margin
            else:
                above = second > first
            return above.view(np.uint8)
        return np.asarray(scores.argmax(axis=-1), np.uint8)

    def mask_in_image(self, outputs: Outputs, placement: Placement) -> NDArray[np.uint8]:
        """The label number of each pixel of the image, (height, width) uint8.

        Scores are interpolated before they are compared, which follows an edge
        more closely than comparing first.
        """
        cv2 = require("cv2")
        scores = outputs[self._decoding.output]
        scores = scores.reshape(scores.shape[-3:]).astype(np.float32)
        top, low, left, right = self._seen(scores.shape, placement)
        part = np.ascontiguousarray(scores[top:low, left:right])
        if part.shape[-1] == 2:
            part = part[..., 1] - part[..., 0]
        wide = cv2.resize(part, (placement.width, placement.height))
        if wide.ndim == 2:
            above: NDArray[np.bool_] = wide > self._margin
            return above.view(np.uint8)
        return np.asarray(wide.argmax(axis=-1), np.uint8)

    def decode(self, outputs: Outputs, placement: Placement) -> Findings:
        """See `Decoder.decode`."""
        whole = self.mask(outputs)
        top, low, left, right = self._seen(whole.shape, placement)
        mask = np.ascontiguousarray(whole[top:low, left:right])  # no copy where it is all of it
        found: list[Found] = []
        for number in self._reported:
            where = mask.view(np.bool_) if self._reported == [1] and self._two else mask == number
            found += self._regions(where, self.labels[number], placement)
        return Findings(tuple(found), mask)

    def _regions(self, inside: NDArray[np.bool_], label: str, placement: Placement) -> list[Found]:
        """The findings of one label: its connected regions, or all of it as one."""
        pixels = max(1, inside.size)
        if not self._decoding.instances:
            part = np.count_nonzero(inside) / pixels
            return [Found(label, 1.0, area=part)] if part > self._decoding.smallest else []
        cv2 = require("cv2")
        _, _, stats, _ = cv2.connectedComponentsWithStats(inside.view(np.uint8), connectivity=4)
        wide = placement.width / inside.shape[1]
        high = placement.height / inside.shape[0]
        return [
            Found(
                label,
                1.0,
                (float(x * wide), float(y * high), float((x + w) * wide), float((y + h) * high)),
                area=float(size / pixels),
            )
            for x, y, w, h, size in stats[1:].tolist()
            if size / pixels > self._decoding.smallest
        ]

    def _seen(self, shape: tuple[int, ...], p: Placement) -> tuple[int, int, int, int]:
        """Top, bottom, left and right of the image in an output of a shape."""
        rows, columns = shape[:2]
        y, x = rows / self._frame.height, columns / self._frame.width
        left, top = max(0, round(p.offset_x * x)), max(0, round(p.offset_y * y))
        right = min(columns, round((p.offset_x + p.width * p.scale_x) * x))
        low = min(rows, round((p.offset_y + p.height * p.scale_y) * y))
        return top, low, left, right
