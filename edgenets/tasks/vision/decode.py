"""A model's outputs become findings: one decoder a task, ours and third-party heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.extras import require
from edgenets.tasks.vision.boxes import Boxes, suppress, suppress_rotated
from edgenets.tasks.vision.details import Inference, detailed
from edgenets.tasks.vision.heads import Candidates, Outputs, reader
from edgenets.tasks.vision.preprocess import Placement
from edgenets.tasks.vision.results import Findings, Found
from edgenets.tasks.vision.spec import (
    BoxDecoding,
    ClassDecoding,
    ImageInput,
    ImageSpec,
    ListHead,
    MaskDecoding,
    Rotation,
    SsdHead,
)

# Candidates that suppression looks at: the best, as many as Ultralytics takes.
_CANDIDATES = 30_000


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
    """Boxes of objects, whichever head gives them, and what it says of them beside."""

    def __init__(self, labels: Sequence[str], frame: ImageInput, decoding: BoxDecoding) -> None:
        self.labels, self._frame, self._decoding = tuple(labels), frame, decoding
        self.limits = limits_of(labels, decoding)
        self._read = reader(decoding.head, frame)
        self._suppressed = isinstance(decoding.head, (SsdHead, ListHead))  # by the graph itself

    def decode(self, outputs: Outputs, placement: Placement) -> Findings:
        """See `Decoder.decode`."""
        kept = self._kept(outputs)
        rows = zip(
            placement.to_image(kept.boxes).tolist(),
            kept.scores.tolist(),
            kept.labels.tolist(),
            strict=True,
        )
        found = [Found(self.labels[label], score, tuple(box)) for box, score, label in rows]
        detail = self._decoding.detail
        if detail is not None and found:
            found = detailed(detail, found, kept, Inference(outputs, self._frame, placement))
        return Findings(tuple(found))

    def boxes(
        self, outputs: Outputs, placement: Placement
    ) -> tuple[Boxes, NDArray[np.float32], NDArray[np.int64]]:
        """Upright boxes in pixels of the image, their scores and label numbers; the best first."""
        if self._decoding.detail is None:
            kept = self._kept(outputs)
            return placement.to_image(kept.boxes), kept.scores, kept.labels
        found = self.decode(outputs, placement).found
        boxes = np.array([thing.box for thing in found], np.float32).reshape(-1, 4)
        scores = np.array([thing.score for thing in found], np.float32)
        numbers = [self.labels.index(thing.label) for thing in found]
        return boxes, scores, np.array(numbers, np.int64)

    def _kept(self, outputs: Outputs) -> Candidates:
        """What suppression leaves, the best first."""
        found = self._read(outputs, self.limits)
        if len(found) > _CANDIDATES:
            found = found[np.argsort(-found.scores, kind="stable")[:_CANDIDATES]]
        iou, most = self._decoding.iou, self._decoding.most
        if self._suppressed:
            return found[np.argsort(-found.scores, kind="stable")[:most]]
        if isinstance(self._decoding.detail, Rotation) and found.details is not None:
            angles = found.details[:, 0]
            stay = suppress_rotated(found.boxes, angles, found.scores, found.labels, iou, most)
        else:
            stay = suppress(found.boxes, found.scores, found.labels, iou, most)
        return found[stay]


# A rim's pixels lie no further from what they surround, pixels of the mask.
_RIM = 6.0


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
        self.edge = labels.index(decoding.edge) if decoding.edge else None
        unnamed = (*decoding.background, decoding.edge)
        self._reported = [i for i, x in enumerate(labels) if x not in unnamed]
        self._margin = self._margin_of(scale or 1.0)

    def _margin_of(self, scale: float) -> np.float32:
        """Of two labels: how far the second's score is above the first's, where it holds.

        Of one score it is the score itself. In units of the scores, whose zero point falls out of
        a difference.
        """
        limit = min(max(self._decoding.threshold, 1e-7), 1 - 1e-7)
        if self._decoding.scores == "logits":
            return np.float32(np.log(limit / (1 - limit)) / scale)
        return np.float32(limit if self._decoding.form == "one" else (2 * limit - 1) / scale)

    def mask(self, outputs: Outputs) -> NDArray[np.uint8]:
        """The label number of each pixel of the model's output, (rows, columns) uint8."""
        return self._decided(self._planes(outputs))

    def mask_in_image(self, outputs: Outputs, placement: Placement) -> NDArray[np.uint8]:
        """The label number of each pixel of the image, (height, width) uint8.

        Scores are interpolated before they are compared, which follows an edge
        more closely than comparing first.
        """
        cv2 = require("cv2")
        planes = self._planes(outputs)
        top, low, left, right = self._seen(planes.shape, placement)
        part = np.ascontiguousarray(planes[top:low, left:right])
        size = (placement.width, placement.height)
        if self._decoding.form == "labels":  # between two numbers lies none of a label
            whole = self._decided(part)
            return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        part = part.astype(np.float32)
        wide = cv2.resize(self._above(part) if self._two else part, size)
        if wide.ndim == 2:
            above: NDArray[np.bool_] = wide > self._margin
            return above.view(np.uint8)
        return np.asarray(wide.argmax(axis=-1), np.uint8)

    def _planes(self, outputs: Outputs) -> Array:
        """The output, (rows, columns) or (rows, columns, labels)."""
        scores = outputs[self._decoding.output]
        if self._decoding.form != "scores":
            if scores.ndim == 4:
                scores = scores[:, 0] if self._decoding.layout == "nchw" else scores[..., 0]
            plane: Array = scores[0]
            return plane
        scores = scores.reshape(scores.shape[-3:])
        return scores.transpose(1, 2, 0) if self._decoding.layout == "nchw" else scores

    def _decided(self, planes: Array) -> NDArray[np.uint8]:
        """The label number of each pixel."""
        if self._decoding.form == "labels":
            return np.asarray(np.clip(planes, 0, len(self.labels) - 1), np.uint8)
        if not self._two:
            return np.asarray(planes.argmax(axis=-1), np.uint8)
        above: NDArray[np.bool_]
        if planes.ndim == 3 and not self._margin:
            above = planes[..., 1] > planes[..., 0]
        else:
            above = self._above(planes) > self._margin
        return above.view(np.uint8)

    def _above(self, planes: Array) -> Array:
        """How far the second of two labels' scores is above the first's; or the one that is."""
        if planes.ndim == 2:
            return np.asarray(planes, np.float32)
        kind = np.float32 if planes.dtype == np.float32 else np.int16
        return np.subtract(planes[..., 1], planes[..., 0], dtype=kind)

    def decode(self, outputs: Outputs, placement: Placement) -> Findings:
        """See `Decoder.decode`."""
        whole = self.mask(outputs)
        top, low, left, right = self._seen(whole.shape, placement)
        mask = np.ascontiguousarray(whole[top:low, left:right])  # no copy where it is all of it
        found: list[Found] = []
        if self.edge is not None:
            mask, regions = self.parted(mask)
            if self._decoding.instances:
                return Findings(tuple(self._instances(mask, regions, placement)), mask)
        for number in self._reported:
            where = mask.view(np.bool_) if self._reported == [1] and self._two else mask == number
            found += self._regions(where, self.labels[number], placement)
        return Findings(tuple(found), mask)

    def parted(self, mask: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """A mask without rims, and the number of the instance of each pixel, 0 where there is none.

        What is inside of rims parts the instances; a pixel of a rim is of the nearest one. Rims
        with nothing inside are instances that are all rim.
        """
        cv2 = require("cv2")
        if self.edge is None:
            return mask, cv2.connectedComponents(mask, connectivity=4)[1]
        inside = (mask != 0) & (mask != self.edge)
        count, regions = cv2.connectedComponents(inside.view(np.uint8), connectivity=4)
        apart, nearest = cv2.distanceTransformWithLabels(
            (~inside).view(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
        )
        of = np.zeros(int(nearest.max(initial=0)) + 1, np.int64)
        of[nearest[inside]] = np.flatnonzero(inside)
        rim = (mask == self.edge) & (apart <= _RIM)
        own = of[nearest[rim]]
        whole, found = mask.copy(), regions.astype(np.int32)
        whole[rim], found[rim] = mask.ravel()[own], regions.ravel()[own]
        alone = (mask == self.edge) & ~rim
        _, small = cv2.connectedComponents(alone.view(np.uint8), connectivity=4)
        whole[alone], found[alone] = self._reported[0], small[alone] + count - 1
        return whole, found

    def _instances(
        self, mask: NDArray[np.uint8], regions: NDArray[np.int32], placement: Placement
    ) -> list[Found]:
        """The findings of a parted mask, one an instance."""
        pixels = max(1, mask.size)
        wide, high = placement.width / mask.shape[1], placement.height / mask.shape[0]
        order = np.argsort(regions, axis=None, kind="stable")
        numbers = regions.ravel()[order]
        starts = np.flatnonzero(np.diff(numbers, prepend=0))
        found = []
        for own in np.split(order, starts)[1:]:
            rows, columns = np.divmod(own, mask.shape[1])
            left, right = columns.min() * wide, (columns.max() + 1) * wide
            top, low = rows.min() * high, (rows.max() + 1) * high
            if len(own) / pixels > self._decoding.smallest:
                label = self.labels[int(mask.ravel()[own[0]])]
                box = (float(left), float(top), float(right), float(low))
                found.append(Found(label, 1.0, box, area=len(own) / pixels))
        return found

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
