"""The scales of integer weights, wide enough for the bias that goes with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets.quantization import (
    PAIR_STEPS,
    SMALLEST_SCALE,
    WEIGHT_STEPS,
    Quantization,
    per_channel_scales,
)

from .graph import Conv, Depthwise, Linear

# A bias is an integer of 32 bits in the scale of input times weight; this leaves the sums room.
_LARGEST_BIAS = 1 << 30


def weight_scales(
    weights: NDArray[np.float32],
    axis: int,
    bias: NDArray[np.float32],
    input_scale: float | None,
    per_channel: bool = True,
    steps: int = WEIGHT_STEPS,
) -> NDArray[np.float32]:
    """Symmetric int8 scales, one a slice along `axis`.

    A channel whose weights are all but zero, as pruning and batch normalisation
    leave them, would have a scale in which its bias does not fit 32 bits: what
    such a channel answers is its bias, so its scale is that of the bias.

    Args:
        weights: of one operation.
        axis: of its output channels.
        bias: (output channels,).
        input_scale: of its input in integers; None where that stays float.
        per_channel: False: all of them are the largest.
        steps: of a weight to each side of zero.
    """
    scales = per_channel_scales(weights, axis, steps)
    if input_scale is not None:
        least = np.abs(bias) / (_LARGEST_BIAS * input_scale)
        scales = np.maximum(scales, least.astype(np.float32))
    return scales if per_channel else np.full_like(scales, scales.max())


def weight_steps(op: Linear | Conv | Depthwise, wide: bool) -> int:
    """Steps of integer weights to each side of zero in ONNX; see `converters.whole.onnxpairs`.

    Args:
        wide: whether activations are of 16 bits, for which there are no such kernels.
    """
    apart = isinstance(op, Depthwise) and op.weights.shape[-1] == 1
    return WEIGHT_STEPS if wide or apart else PAIR_STEPS


def table_quantization(table: NDArray[np.float32]) -> Quantization:
    """The 8-bit quantization of a table of tokens, symmetric as that of all weights.

    Args:
        table: (tokens, channels); a row is found as it is stored, so they have one scale.
    """
    return Quantization(max(float(np.abs(table).max()), SMALLEST_SCALE) / WEIGHT_STEPS, 0, "int8")
