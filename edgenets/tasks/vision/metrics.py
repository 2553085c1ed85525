"""How good findings are: top-1, COCO's mean average precision, intersection over union.

Training, the gate and `edgenets eval` judge by these alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edgenets.extras import require
from edgenets.files import Json
from edgenets.tasks.vision.boxes import Boxes, iou
from edgenets.tasks.vision.data.memory import Example
from edgenets.tasks.vision.decode import (
    BoxDecoder,
    ClassDecoder,
    MaskDecoder,
    decoder,
    limits_of,
)
from edgenets.tasks.vision.heads import Outputs
from edgenets.tasks.vision.preprocess import Placement
from edgenets.tasks.vision.spec import BoxDecoding, ImageSpec

# Precision at low scores counts as well: what lies below this adds nothing but time.
_LOWEST_SCORE = 0.01

# Fewer pixels than this are no instance but a hole in one.
_SMALLEST_INSTANCE = 10


class Metric(ABC):
    """Collects the outputs of a model for labeled images."""

    name: str  # of the main figure

    @abstractmethod
    def add(self, example: Example, outputs: Outputs, placement: Placement) -> None:
        """Take in one image."""

    @abstractmethod
    def figures(self) -> dict[str, float]:
        """All figures, 0…1; the main one stands under `name`."""

    @property
    def value(self) -> float:
        """The main figure."""
        return self.figures()[self.name]

    @abstractmethod
    def agreement(self, other: Self) -> float:
        """How far two models decide alike on the same images, 0…1."""


def metric(spec: ImageSpec, scale: float | None = None) -> Metric:
    """The metric of a model's task.

    Args:
        scale: of a mask's scores, where they come as integers; None: they are real.
    """
    decoding = spec.decoding
    if isinstance(decoding, BoxDecoding):
        every = dataclasses.replace(decoding, threshold=_LOWEST_SCORE, thresholds={}, most=300)
        return BoxMetric(dataclasses.replace(spec, decoding=every), decoding)
    return ClassMetric(spec) if spec.task == "classify" else MaskMetric(spec, scale)


class ClassMetric(Metric):
    """Part of the images whose best label, or one of the best five, is theirs."""

    name = "top1"

    def __init__(self, spec: ImageSpec) -> None:
        found = decoder(spec)
        assert isinstance(found, ClassDecoder), "checked by ImageSpec"
        self._decoder, self.labels = found, spec.labels
        self.truths: list[int] = []
        self._ranks: list[int] = []
        self._decided: list[int] = []

    def add(self, example: Example, outputs: Outputs, placement: Placement) -> None:
        """See `Metric.add`."""
        order = np.argsort(-self._decoder.posterior(outputs), kind="stable")
        self.truths.append(example.label)
        self._decided.append(int(order[0]))
        self._ranks.append(int(np.flatnonzero(order == example.label)[0]))

    def figures(self) -> dict[str, float]:
        """See `Metric.figures`."""
        ranks = np.array(self._ranks)
        return {"top1": float(np.mean(ranks < 1)), "top5": float(np.mean(ranks < 5))}

    def agreement(self, other: Self) -> float:
        """Part of the images that both give the same label."""
        return float(np.mean(self.decisions() == other.decisions()))

    def decisions(self) -> NDArray[np.int64]:
        """The label number of each image."""
        return np.array(self._decided)


class BoxMetric(Metric):
    """Mean average precision as COCO defines it, by pycocotools."""

    name = "mAP50"

    def __init__(self, spec: ImageSpec, decoding: BoxDecoding) -> None:
        found = decoder(spec)
        assert isinstance(found, BoxDecoder), "checked by ImageSpec"
        self._decoder, self.labels, self._decoding = found, spec.labels, decoding
        self._coco = _Coco(
            "bbox", [i for i, x in enumerate(spec.labels) if x not in decoding.background]
        )
        self._limits = limits_of(spec.labels, decoding)
        self._reported: list[tuple[Boxes, NDArray[np.int64]]] = []  # image by image

    def add(self, example: Example, outputs: Outputs, placement: Placement) -> None:
        """See `Metric.add`."""
        assert example.boxes is not None and example.numbers is not None
        boxes, scores, labels = self._decoder.boxes(outputs, placement)
        self._coco.image(placement.width, placement.height)
        for box, label in zip(example.boxes, example.numbers, strict=True):
            self._coco.truth(int(label), _sides(box), float(np.prod(box[2:] - box[:2])))
        for box, score, label in zip(boxes, scores, labels, strict=True):
            self._coco.answer(int(label), _sides(box), float(score))
        reported = scores >= self._limits[labels]
        self._reported.append((boxes[reported], labels[reported]))

    def figures(self) -> dict[str, float]:
        """See `Metric.figures`; also one of each label."""
        half, mean, each = self._coco.precision()
        named = {f"AP50 {self.labels[i]}": value for i, value in each.items()}
        return {"mAP50": half, "mAP": mean, **named}

    def agreement(self, other: Self) -> float:
        """Part of the objects that either tells of and both do: of one label, IoU ≥ 0.5."""
        both = every = 0
        for (boxes, labels), (others, theirs) in zip(self._reported, other._reported, strict=True):
            overlap = iou(boxes, others) * (labels[:, None] == theirs[None])
            every += len(boxes) + len(others)
            while overlap.size and overlap.max() >= 0.5:  # the best pair first, each box once
                row, column = np.unravel_index(overlap.argmax(), overlap.shape)
                overlap[row], overlap[:, column] = 0, 0
                both += 2
        return both / every if every else 1.0


class MaskMetric(Metric):
    """Intersection over union of the labels' pixels, and AP50 of instances where there are."""

    name = "IoU"

    def __init__(self, spec: ImageSpec, scale: float | None = None) -> None:
        found = decoder(spec, scale)
        assert isinstance(found, MaskDecoder), "checked by ImageSpec"
        self._decoder, self._spec = found, spec
        count = len(spec.labels)
        self.matrix = np.zeros((count, count), np.int64)  # row the truth, column the decision
        self._instances: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
        self._masks: list[NDArray[np.uint8]] = []

    def add(self, example: Example, outputs: Outputs, placement: Placement) -> None:
        """See `Metric.add`."""
        assert example.mask is not None
        decided, regions = self._decoder.parted(self._decoder.mask_in_image(outputs, placement))
        truth = example.mask
        known = truth < len(self._spec.labels)
        pairs = truth[known].astype(np.int64) * len(self.matrix) + decided[known]
        self.matrix += np.bincount(pairs, minlength=self.matrix.size).reshape(self.matrix.shape)
        self._masks.append(self._decoder.mask(outputs).reshape(-1))
        if example.instances is not None:
            self._instances.append((example.instances, regions))

    def figures(self) -> dict[str, float]:
        """See `Metric.figures`: the mean over the labels that are no background; also each."""
        each, reported = self._overlaps(), self._reported()
        each = np.delete(each, [] if self._decoder.edge is None else [self._decoder.edge])
        figures = {"IoU": self.value, "mIoU": float(np.mean(each))}
        figures["pixels"] = float(np.trace(self.matrix) / max(1, self.matrix.sum()))
        if len(reported) > 1:
            figures |= {f"IoU {self._spec.labels[i]}": float(each[i]) for i in reported}
        if self._instances:
            half, mean = _instance_precision(self._instances)
            figures |= {"instance AP50": half, "instance AP": mean}
        return figures

    @property
    def value(self) -> float:
        """The main figure, without the others, which take their time."""
        return float(np.mean(self._overlaps()[self._reported()]))

    def _reported(self) -> list[int]:
        unnamed = (*self._spec.decoding.background, getattr(self._spec.decoding, "edge", ""))
        return [i for i, x in enumerate(self._spec.labels) if x not in unnamed]

    def _overlaps(self) -> NDArray[np.float64]:
        """The IoU of each label."""
        common = np.diag(self.matrix)
        union = self.matrix.sum(axis=0) + self.matrix.sum(axis=1) - common
        out: NDArray[np.float64] = common / np.maximum(union, 1)
        return out

    def agreement(self, other: Self) -> float:
        """Part of the pixels of the models' outputs that both give the same label."""
        return float(np.mean(np.concatenate(self._masks) == np.concatenate(other._masks)))


def _instance_precision(
    images: list[tuple[NDArray[np.int32], NDArray[np.int32]]],
) -> tuple[float, float]:
    """AP at IoU 0.5 and COCO's mean, of the regions found against the instances that there are."""
    mask = require("pycocotools.mask")
    coco = _Coco("segm", [1])

    def encoded(where: NDArray[np.bool_]) -> Any:
        return mask.encode(np.asfortranarray(where.view(np.uint8)))

    for truth, regions in images:
        coco.image(truth.shape[1], truth.shape[0])
        for number in np.unique(truth[truth > 0]):
            where = truth == number
            coco.truth(1, encoded(where), float(where.sum()))
        sizes = np.bincount(regions.ravel())
        for number in range(1, len(sizes)):
            if sizes[number] >= _SMALLEST_INSTANCE:
                coco.answer(1, encoded(regions == number), 1.0)
    half, mean, _ = coco.precision()
    return half, mean


class _Coco:
    """One evaluation by pycocotools, reported image by image."""

    def __init__(self, kind: str, labels: list[int]) -> None:
        self._kind, self._labels = kind, labels
        self._images: list[Json] = []
        self._truths: list[Json] = []
        self._answers: list[Json] = []

    def image(self, width: int, height: int) -> None:
        self._images.append({"id": len(self._images) + 1, "width": width, "height": height})

    def truth(self, label: int, where: Any, area: float) -> None:
        key = "bbox" if self._kind == "bbox" else "segmentation"
        self._truths.append(
            {
                "id": len(self._truths) + 1,
                "image_id": len(self._images),
                "iscrowd": 0,
                "category_id": label,
                key: where,
                "area": area,
            }
        )

    def answer(self, label: int, where: Any, score: float) -> None:
        key = "bbox" if self._kind == "bbox" else "segmentation"
        self._answers.append(
            {"image_id": len(self._images), "category_id": label, key: where, "score": score}
        )

    def precision(self) -> tuple[float, float, dict[int, float]]:
        """AP at IoU 0.5, the mean over 0.5 … 0.95, and AP at 0.5 of each label that there is."""
        if not self._answers or not self._truths:
            return 0.0, 0.0, {}
        coco = require("pycocotools.coco")
        evaluation = require("pycocotools.cocoeval")
        with contextlib.redirect_stdout(io.StringIO()):  # it tells what it does
            truth = coco.COCO()
            truth.dataset = {
                "info": {},
                "images": self._images,
                "annotations": self._truths,
                "categories": [{"id": i} for i in self._labels],
            }
            truth.createIndex()
            run = evaluation.COCOeval(truth, truth.loadRes(self._answers), self._kind)
            most = 100 if self._kind == "bbox" else 1000  # a slide has hundreds of nuclei
            run.params.maxDets = [1, 10, most]
            run.params.areaRng, run.params.areaRngLbl = [[0, 1e10]], ["all"]
            run.evaluate()
            run.accumulate()
        table = run.eval["precision"][:, :, :, 0, -1]  # (IoU, recall, label)
        each = {
            label: float(np.mean(table[0, :, i]))
            for i, label in enumerate(run.params.catIds)
            if (table[0, :, i] >= 0).all()  # −1: there is none of it
        }
        present = [i for i, label in enumerate(run.params.catIds) if label in each]
        return (float(np.mean([*each.values()])), float(np.mean(table[:, :, present])), each)


def _sides(box: NDArray[np.float32]) -> list[float]:
    """Left, top, width, height, as COCO has boxes."""
    left, top, right, bottom = (float(v) for v in box)
    return [left, top, right - left, bottom - top]
