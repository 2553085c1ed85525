"""Losses that Keras has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("edgenets")
class Quantiles(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """Absolute error of the median, and the pinball loss of each quantile beside it.

    Koenker and Bassett 1978, doi:10.2307/1913643. Of (…, horizon) truths and
    (…, horizon · (1 + quantiles)) answers: the median's, then one quantile's after the other.
    """

    def __init__(self, quantiles: Sequence[float] = (0.1, 0.9), **options: Any) -> None:
        super().__init__(name=options.pop("name", "quantiles"), **options)
        self.quantiles = tuple(quantiles)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(…,), the mean over the horizon."""
        parts = ops.split(y_pred, 1 + len(self.quantiles), axis=-1)
        total = ops.mean(ops.abs(y_true - parts[0]), axis=-1)
        for quantile, part in zip(self.quantiles, parts[1:], strict=True):
            over = y_true - part
            pinball = ops.maximum(quantile * over, (quantile - 1) * over)
            total = total + ops.mean(pinball, axis=-1) / len(self.quantiles)
        return total

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "quantiles": list(self.quantiles)}


# What a net may think of its own errors: beyond it one reading would outweigh all others.
_SUREST, _LEAST_SURE = -5.0, 3.0


@keras.saving.register_keras_serializable("edgenets")
class Laplace(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """−ln of Laplace's distribution, of (…, 1) truths and (…, 2) answers: middle, ln of width."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(…,)."""
        log_width = ops.clip(y_pred[..., 1], _SUREST, _LEAST_SURE)
        return ops.abs(y_true[..., 0] - y_pred[..., 0]) / ops.exp(log_width) + log_width
