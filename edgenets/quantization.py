"""Affine quantization: the one home of q = round(x / scale) + zero_point.

Training, calibration, converters and sessions all use these functions, so that
a value is never rounded in two ways. Rounding is half-to-even, as TFLite, ONNX
and OpenVINO have it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array, Integers, Reals

IntegerType = Literal["int8", "int16", "uint8"]

# Steps of a weight of eight bits to each side of zero; and such as sums of two products with an
# activation of eight bits fit 16 bits with: see `converters.whole.onnxpairs`.
WEIGHT_STEPS, PAIR_STEPS = 127, 64

# A scale of zero would divide by zero; a tensor that is constant at zero gets this one.
SMALLEST_SCALE = 1e-9


@dataclass(frozen=True)
class Quantization:
    """How the integers of one tensor stand for real numbers."""

    scale: float  # real value of one integer step, > 0
    zero_point: int  # the integer that stands for 0.0
    dtype: IntegerType = "int8"

    def __post_init__(self) -> None:
        if not 1e-30 <= self.scale <= 1e30:  # float32 holds it, and its inverse
            raise ValueError(f"scale must be positive and within reason, found {self.scale}")
        info = np.iinfo(self.dtype)
        if not info.min <= self.zero_point <= info.max:
            raise ValueError(f"zero_point {self.zero_point} does not fit {self.dtype}")

    @property
    def low(self) -> float:
        """The smallest real value that can be stored."""
        return (np.iinfo(self.dtype).min - self.zero_point) * self.scale

    @property
    def high(self) -> float:
        """The largest real value that can be stored."""
        return (np.iinfo(self.dtype).max - self.zero_point) * self.scale


def from_range(low: float, high: float, dtype: IntegerType = "int8") -> Quantization:
    """The quantization that covers [low, high] and holds 0.0 exactly.

    int16 is symmetric (zero point 0), as TFLite's 16x8 kernels require.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    info = np.iinfo(dtype)
    if dtype == "int16":
        return Quantization(max(-low, high, SMALLEST_SCALE * info.max) / info.max, 0, dtype)
    scale = max((high - low) / (info.max - info.min), SMALLEST_SCALE)
    zero_point = int(np.clip(np.rint(info.min - low / scale), info.min, info.max))
    return Quantization(scale, zero_point, dtype)


class Quantizer:
    """Turns real values into integers, again and again, without allocating anew."""

    def __init__(self, q: Quantization, shape: tuple[int, ...]) -> None:
        info = np.iinfo(q.dtype)
        self._factor = np.array(1.0 / q.scale, np.float32)
        self._zero_point = np.array(q.zero_point, np.float32)
        self._low, self._high = np.array(info.min, np.float32), np.array(info.max, np.float32)
        self._scratch = np.empty(shape, np.float32)

    def into(self, values: Reals, out: Integers) -> None:
        """Write the integers of `values` to `out`; both have the shape given before."""
        scratch = self._scratch
        np.multiply(values, self._factor, out=scratch)
        np.rint(scratch, out=scratch)
        np.add(scratch, self._zero_point, out=scratch)
        # fmax and fmin: a NaN becomes the smallest integer rather than an undefined one.
        np.fmax(scratch, self._low, out=scratch)
        np.fmin(scratch, self._high, out=scratch)
        out[...] = scratch


def quantize(values: Reals, q: Quantization) -> Integers:
    """Real values to integers, saturating at the ends of the type; NaN becomes the smallest."""
    out = np.empty(values.shape, q.dtype)
    Quantizer(q, values.shape).into(np.asarray(values, np.float32), out)
    return out


def dequantize(values: Integers, q: Quantization) -> NDArray[np.float32]:
    """Integers to the real values that they stand for."""
    return dequantizer(q)(values)


def dequantizer(q: Quantization | None) -> Callable[[Array], Array]:
    """A function from integers to real values; for None, one that copies."""
    if q is None:
        return np.ndarray.copy
    scale, zero_point = np.array(q.scale, np.float32), np.array(q.zero_point, np.float32)

    def real(values: Integers) -> NDArray[np.float32]:
        out: NDArray[np.float32] = np.subtract(values, zero_point, dtype=np.float32)
        np.multiply(out, scale, out=out)
        return out

    return real


def per_channel_scales(weights: Reals, axis: int, steps: int = WEIGHT_STEPS) -> NDArray[np.float32]:
    """Symmetric int8 scales, one a slice along `axis`: max|w| / steps.

    The range is narrow (−127…127), as TFLite requires of int8 weights.
    """
    others = tuple(i for i in range(weights.ndim) if i != axis % weights.ndim)
    peak = np.abs(weights).max(axis=others)
    scales: NDArray[np.float32] = np.maximum(peak / steps, SMALLEST_SCALE).astype(np.float32)
    return scales


def quantize_weights(weights: Reals, scales: NDArray[np.float32], axis: int) -> NDArray[np.int8]:
    """Symmetric per-channel int8 weights for `scales` along `axis`."""
    shape = [1] * weights.ndim
    shape[axis] = -1
    q = np.rint(weights.astype(np.float64) / scales.reshape(shape).astype(np.float64))
    clipped: NDArray[np.int8] = np.clip(q, -127, 127).astype(np.int8)
    return clipped


def quantize_bias(
    bias: Reals, scales: NDArray[np.float32], wide: bool = False
) -> NDArray[np.int32] | NDArray[np.int64]:
    """A bias in the scale of an integer sum (input scale × weight scales), 32 or 64 bits wide."""
    limit = np.iinfo(np.int32).max
    rounded: NDArray[np.float64] = np.clip(np.rint(bias.astype(np.float64) / scales), -limit, limit)
    return rounded.astype(np.int64) if wide else rounded.astype(np.int32)
