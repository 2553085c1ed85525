"""The loss of a detector without anchors: which cell answers for which object, and how well."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from edgenets.extras import require
from edgenets.tasks.vision.heads import cell_middles
from edgenets.tasks.vision.spec import ImageInput

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

# Task-aligned assignment (Feng et al. 2021, arXiv:2108.07755): an object goes to the cells inside
# it for which score^ALPHA · IoU^BETA is largest.
ALPHA, BETA, CELLS = 0.5, 6.0, 10

# A badly placed box costs this much beside a wrong score.
BOX_WEIGHT = 5.0

_TINY = 1e-9


def training_view(model: keras.Model, strides: Sequence[int]) -> keras.Model:
    """The detector with one output: (batch, cells of all levels, 4 sides in strides + logits)."""
    keras = require("keras")
    levels = []
    for at, stride in enumerate(strides):
        level = keras.layers.Concatenate(name=f"level_{stride}")(model.outputs[2 * at : 2 * at + 2])
        levels.append(keras.layers.Reshape((-1, level.shape[-1]), name=f"cells_{stride}")(level))
    joined = keras.layers.Concatenate(axis=1, name="cells")(levels) if levels[1:] else levels[0]
    return keras.Model(model.input, joined, name=f"{model.name}_training")


def deployed_view(model: keras.Model, strides: Sequence[int]) -> keras.Model:
    """The detector back from its training view: `boxes_s` and `scores_s` of each stride."""
    keras = require("keras")
    names = [f"{kind}_{stride}" for stride in strides for kind in ("boxes", "scores")]
    outputs = [model.get_layer(name).output for name in names]
    return keras.Model(model.input, outputs, name=model.name.removesuffix("_training"))


def box_loss(frame: ImageInput, strides: Sequence[int]) -> keras.losses.Loss:
    """A Keras loss of (batch, things, 5) and (batch, cells, 4 + labels).

    Targets are left, top, right, bottom in pixels and a label number, −1 where
    there is none. The score of a cell is trained towards the overlap of its box
    with its object, so that the better box of two has the higher score.
    """
    keras = require("keras")
    ops, base = keras.ops, keras.losses.Loss
    middles = np.concatenate([cell_middles(frame, s) for s in strides])
    sizes = np.concatenate([np.full(len(cell_middles(frame, s)), s, np.float32) for s in strides])[
        :, None
    ]

    class BoxLoss(base):  # type: ignore[misc,valid-type]  # Keras has no types
        def call(self, y_true: KerasTensor, y_pred: KerasTensor) -> KerasTensor:
            sides, logits = y_pred[..., :4] * sizes, y_pred[..., 4:]
            boxes = ops.concatenate((middles - sides[..., :2], middles + sides[..., 2:]), axis=-1)
            corners = y_true[..., :4]
            named = ops.one_hot(ops.cast(y_true[..., 4], "int32"), logits.shape[-1])  # −1: zeros
            cells, wanted = self._assigned(corners, named, boxes, logits)
            total = ops.maximum(ops.sum(wanted), 1.0)
            score = ops.sum(ops.binary_crossentropy(wanted, logits, from_logits=True))
            value = ops.sum(wanted, axis=-1)
            target = ops.einsum("bma,bmk->bak", cells, corners)
            place = ops.sum((1.0 - _complete_iou(ops, boxes, target)) * value)
            return (score + BOX_WEIGHT * place) / total

        def _assigned(
            self,
            corners: KerasTensor,
            named: KerasTensor,
            boxes: KerasTensor,
            logits: KerasTensor,
        ) -> KerasTensor:
            """Which cells answer for a thing, (batch, things, cells) of 0 and 1; their scores."""
            boxes, logits = ops.stop_gradient(boxes), ops.stop_gradient(logits)
            left_top, right_low = corners[:, :, None, :2], corners[:, :, None, 2:]
            inside = ops.all(ops.logical_and(middles > left_top, middles < right_low), axis=-1)
            inside = ops.cast(inside, "float32") * ops.sum(named, axis=-1)[..., None]
            overlap = _pairs_iou(ops, corners, boxes) * inside
            score = ops.einsum("bac,bmc->bma", ops.sigmoid(logits), named)
            aligned = ops.power(score, ALPHA) * ops.power(overlap, BETA) * inside
            least = ops.top_k(aligned, min(CELLS, aligned.shape[-1]))[0][..., -1:]
            chosen = ops.cast((aligned >= least) & (aligned > 0), "float32")
            # A cell that several want goes to the one that it overlaps most.
            claim = overlap * chosen
            best = ops.cast(claim >= ops.max(claim, axis=1, keepdims=True), "float32")
            cells = chosen * best
            cells = cells / ops.maximum(ops.sum(cells, axis=1, keepdims=True), 1.0)
            aligned = aligned * cells
            peak = ops.max(aligned, axis=-1, keepdims=True)
            fit = ops.max(overlap * cells, axis=-1, keepdims=True)
            value = aligned / (peak + _TINY**2) * fit
            wanted = ops.einsum("bma,bmc->bac", value, named)
            return ops.stop_gradient(cells), ops.stop_gradient(wanted)

    return BoxLoss(reduction="sum_over_batch_size", name="boxes")


def _pairs_iou(ops: ModuleType, first: KerasTensor, second: KerasTensor) -> KerasTensor:
    """(batch, n, 4) and (batch, m, 4) to (batch, n, m)."""
    low = ops.maximum(first[:, :, None, :2], second[:, None, :, :2])
    high = ops.minimum(first[:, :, None, 2:], second[:, None, :, 2:])
    size = ops.maximum(high - low, 0.0)
    common = size[..., 0] * size[..., 1]
    union = _area(ops, first)[:, :, None] + _area(ops, second)[:, None] - common
    return common / ops.maximum(union, _TINY)


def _area(ops: ModuleType, boxes: KerasTensor) -> KerasTensor:
    size = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return size[..., 0] * size[..., 1]


def _complete_iou(ops: ModuleType, boxes: KerasTensor, target: KerasTensor) -> KerasTensor:
    """IoU less what middles and shapes differ by (Zheng et al. 2020, arXiv:1911.08287)."""
    low, high = (
        ops.maximum(boxes[..., :2], target[..., :2]),
        ops.minimum(boxes[..., 2:], target[..., 2:]),
    )
    size = ops.maximum(high - low, 0.0)
    common = size[..., 0] * size[..., 1]
    union = _area(ops, boxes) + _area(ops, target) - common
    iou = common / ops.maximum(union, _TINY)
    around = ops.maximum(boxes[..., 2:], target[..., 2:]) - ops.minimum(
        boxes[..., :2], target[..., :2]
    )
    apart = (boxes[..., :2] + boxes[..., 2:] - target[..., :2] - target[..., 2:]) / 2
    distance = ops.sum(apart**2, axis=-1) / ops.maximum(ops.sum(around**2, axis=-1), _TINY)
    sides, wanted = (ops.maximum(b[..., 2:] - b[..., :2], 1e-3) for b in (boxes, target))
    angle = ops.arctan(wanted[..., 0] / wanted[..., 1]) - ops.arctan(sides[..., 0] / sides[..., 1])
    shape = (4 / np.pi**2) * angle**2
    weight = ops.stop_gradient(shape / (1.0 - iou + shape + 1e-7))
    return iou - distance - weight * shape
