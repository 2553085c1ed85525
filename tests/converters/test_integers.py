"""The arithmetic of `edgenets.quantization`, which every format and session shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edgenets.quantization import (
    IntegerType,
    Quantization,
    dequantize,
    from_range,
    per_channel_scales,
    quantize,
    quantize_bias,
    quantize_weights,
)

drawing = settings(deadline=None, derandomize=True, database=None)
dtypes = st.sampled_from(["int8", "uint8", "int16"])
bounds = st.floats(-1e4, 1e4, width=32)
parts = arrays(np.float32, 50, elements=st.floats(0, 1, width=32))
weights = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=3), elements=st.floats(-8, 8, width=32)
)


@drawing
@given(a=bounds, b=bounds, parts=parts, dtype=dtypes)
def test_round_trip(a: float, b: float, parts: np.ndarray, dtype: IntegerType) -> None:
    """Inside its range a value comes back within half a step: plus what float32 itself rounds."""
    q = from_range(min(a, b), max(a, b), dtype)
    values = np.clip((a + (b - a) * parts).astype(np.float32), q.low, q.high)
    error = np.abs(dequantize(quantize(values, q), q) - values)
    assert error.max() <= q.scale * (0.5 + 1e-2)


@drawing
@given(a=bounds, b=bounds, dtype=dtypes)
def test_zero_is_exact(a: float, b: float, dtype: IntegerType) -> None:
    q = from_range(min(a, b), max(a, b), dtype)
    integer = quantize(np.zeros(1, np.float32), q)
    assert integer[0] == q.zero_point
    assert dequantize(integer, q)[0] == 0.0


@drawing
@given(a=bounds, b=bounds, dtype=dtypes)
def test_the_range_is_covered(a: float, b: float, dtype: IntegerType) -> None:
    low, high = min(a, b, 0.0), max(a, b, 0.0)
    q = from_range(low, high, dtype)
    # The zero point is rounded to an integer, which moves the ends by up to half a step.
    assert q.low <= low + 0.51 * q.scale
    assert q.high >= high - 0.51 * q.scale
    if dtype == "int16":
        assert q.zero_point == 0


@pytest.mark.filterwarnings("ignore:overflow encountered in multiply")  # what saturates may
@drawing
@given(a=bounds, b=bounds, dtype=dtypes, beyond=st.floats(1, 1e30))
def test_saturation(a: float, b: float, dtype: IntegerType, beyond: float) -> None:
    q, info = from_range(min(a, b), max(a, b), dtype), np.iinfo(dtype)
    far = np.array([q.high + beyond, q.low - beyond, np.inf, -np.inf, np.nan], np.float32)
    integers = quantize(far, q)
    assert integers[2] == info.max
    assert integers[3] == integers[4] == info.min
    assert dequantize(integers[:1], q)[0] >= q.high - q.scale
    assert dequantize(integers[1:2], q)[0] <= q.low + q.scale


@drawing
@given(values=weights, axis=st.integers(-1, 1))
def test_per_channel(values: np.ndarray, axis: int) -> None:
    scales = per_channel_scales(values, axis)
    assert scales.shape == (values.shape[axis],)
    integers = quantize_weights(values, scales, axis % values.ndim)
    assert integers.dtype == np.int8
    assert integers.min() >= -127
    spread = [1] * values.ndim
    spread[axis] = -1
    steps = scales.reshape(spread)
    assert (np.abs(integers * steps - values) <= 0.5 * steps * (1 + 1e-5)).all()
    # The largest weight of every channel uses the whole range.
    others = tuple(i for i in range(values.ndim) if i != axis % values.ndim)
    full = np.abs(values).max(axis=others) > 1e-6
    assert (np.abs(integers).max(axis=others)[full] == 127).all()


@drawing
@given(
    bias=arrays(np.float32, 4, elements=st.floats(-100, 100, width=32)),
    scales=arrays(np.float32, 4, elements=st.floats(2**-20, 1.0, width=32)),
    wide=st.booleans(),
)
def test_bias(bias: np.ndarray, scales: np.ndarray, wide: bool) -> None:
    integers = quantize_bias(bias, scales, wide)
    assert integers.dtype == (np.int64 if wide else np.int32)
    assert (np.abs(integers * scales.astype(float) - bias) <= 0.5 * scales * (1 + 1e-5)).all()


def test_a_bias_too_large_saturates() -> None:
    limit = np.iinfo(np.int32).max
    integers = quantize_bias(np.array([1.0, -1.0]), np.full(2, 1e-12, np.float32))
    assert integers.tolist() == [limit, -limit]


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_scales_are_positive(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        Quantization(scale, 0)


def test_zero_points_fit() -> None:
    with pytest.raises(ValueError, match="zero_point"):
        Quantization(1.0, 128, "int8")
