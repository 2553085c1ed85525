"""Losses that Keras has not; each is made when it is needed, for its base is Keras's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgenets.extras import require
from edgenets.files import Json

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

# What a network may think of its own errors: beyond it one reading would outweigh all others.
_SUREST, _LEAST_SURE = -5.0, 3.0


def quantiles(levels: Sequence[float]) -> keras.losses.Loss:
    """Absolute error of the median, and the pinball loss of each quantile beside it.

    Koenker and Bassett 1978, doi:10.2307/1913643. Of (…, horizon) truths and
    (…, horizon · (1 + levels)) answers: the median's, then one quantile's after the other.
    """
    keras = require("keras")
    ops = keras.ops

    class Quantiles(keras.losses.Loss):  # type: ignore[misc,name-defined]  # no types
        def __init__(self, levels: Sequence[float], **options: Any) -> None:
            super().__init__(name=options.pop("name", "quantiles"), **options)
            self.levels = tuple(levels)

        def call(self, y_true: KerasTensor, y_pred: KerasTensor) -> KerasTensor:
            parts = ops.split(y_pred, 1 + len(self.levels), axis=-1)
            total = ops.mean(ops.abs(y_true - parts[0]), axis=-1)
            for level, part in zip(self.levels, parts[1:], strict=True):
                over = y_true - part
                pinball = ops.maximum(level * over, (level - 1) * over)
                total = total + ops.mean(pinball, axis=-1) / len(self.levels)
            return total

        def get_config(self) -> Json:
            return {**super().get_config(), "levels": list(self.levels)}

    return Quantiles(levels)


def smoothed(share: float) -> keras.losses.Loss:
    """Cross entropy of (…,) numbers and (…, scores) logits, with label smoothing.

    Szegedy et al. 2016, arXiv:1512.00567; Keras has it for distributions alone, which would be as
    large as the scores.
    """
    keras = require("keras")
    ops = keras.ops

    class Smoothed(keras.losses.Loss):  # type: ignore[misc,name-defined]  # no types
        def __init__(self, share: float, **options: Any) -> None:
            super().__init__(name=options.pop("name", "smoothed"), **options)
            self.share = share

        def call(self, y_true: KerasTensor, y_pred: KerasTensor) -> KerasTensor:
            total = ops.logsumexp(y_pred, axis=-1)
            number = ops.expand_dims(ops.cast(y_true, "int32"), -1)
            right = ops.squeeze(ops.take_along_axis(y_pred, number, axis=-1), -1)
            mixed = (1 - self.share) * right + self.share * ops.mean(y_pred, axis=-1)
            return total - mixed

        def get_config(self) -> Json:
            return {**super().get_config(), "share": self.share}

    return Smoothed(share)


def laplace() -> keras.losses.Loss:
    """−ln of Laplace's distribution, of (…, 1) truths and (…, 2) answers: middle, ln of width."""
    keras = require("keras")
    ops = keras.ops

    class Laplace(keras.losses.Loss):  # type: ignore[misc,name-defined]  # no types
        def call(self, y_true: KerasTensor, y_pred: KerasTensor) -> KerasTensor:
            log_width = ops.clip(y_pred[..., 1], _SUREST, _LEAST_SURE)
            return ops.abs(y_true[..., 0] - y_pred[..., 0]) / ops.exp(log_width) + log_width

    return Laplace()
