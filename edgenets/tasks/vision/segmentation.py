"""The loss of a segmentation network: cross-entropy of pixels, and Dice of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.tasks.vision.data.memory import IGNORED

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor


def mask_loss() -> keras.losses.Loss:
    """A Keras loss of (batch, rows, columns) label numbers and (batch, rows, columns, labels);
    in place of numbers there may be a share of each label, (batch, rows, columns, labels).

    Cross-entropy makes posteriors right, Dice (Milletari et al. 2016,
    arXiv:1606.04797) the overlap, which is what is measured; pixels of the number
    255 count in neither.
    """
    keras = require("keras")
    ops, base = keras.ops, keras.losses.Loss

    class MaskLoss(base):  # type: ignore[misc,valid-type]  # Keras has no types
        def call(self, y_true: KerasTensor, y_pred: KerasTensor) -> KerasTensor:
            if len(y_true.shape) == 4:  # of a teacher: how sure it is of each
                named = y_true
                counts = ops.cast(ops.sum(named, axis=-1) > 0, "float32")
            else:
                counts = ops.cast(y_true != IGNORED, "float32")
                named = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])  # 255: zeros
            entropy = -ops.sum(named * ops.log_softmax(y_pred, axis=-1), axis=-1)
            entropy = ops.sum(entropy * counts) / ops.maximum(ops.sum(counts), 1.0)
            posterior = ops.softmax(y_pred, axis=-1) * counts[..., None]
            common = ops.sum(posterior * named, axis=(0, 1, 2))
            both = ops.sum(posterior, axis=(0, 1, 2)) + ops.sum(named, axis=(0, 1, 2))
            dice = 1.0 - ops.mean((2 * common + 1.0) / (both + 1.0))
            return entropy + dice

    return MaskLoss(reduction="sum_over_batch_size", name="mask")
