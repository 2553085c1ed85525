"""Affine quantization: the nearest integer, ends that hold, and zero exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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

TYPES = st.sampled_from(("int8", "int16", "uint8"))
VALUES = st.floats(-1e4, 1e4, width=32)


@given(VALUES, VALUES, TYPES)
def test_a_range_is_covered_and_zero_is_exact(low: float, high: float, dtype: IntegerType) -> None:
    q = from_range(low, high, dtype)
    ends = np.array([min(low, high, 0.0), 0.0, max(low, high, 0.0)], np.float32)
    q = from_range(float(ends[0]), float(ends[2]), dtype)
    back = dequantize(quantize(ends, q), q)
    assert back[1] == 0.0
    np.testing.assert_allclose(back, ends, atol=0.51 * q.scale, rtol=1e-5)
    assert dtype != "int16" or q.zero_point == 0


@given(st.lists(VALUES, min_size=1, max_size=20), VALUES, TYPES)
def test_what_is_inside_moves_by_half_a_step_at_most(
    values: list[float], peak: float, dtype: IntegerType
) -> None:
    q = from_range(-abs(peak), abs(peak), dtype)
    inside = np.clip(np.array(values, np.float32), q.low, q.high).astype(np.float32)
    integers = quantize(inside, q)
    assert integers.dtype == np.dtype(dtype)
    error = np.abs(dequantize(integers, q) - inside)
    assert np.all(error <= 0.5 * q.scale * (1 + 1e-3) + 1e-6 * np.abs(inside))
    assert np.array_equal(quantize(dequantize(integers, q), q), integers)


def test_rounding_is_half_to_even_and_ends_hold() -> None:
    q = Quantization(1.0, 0)
    values = np.array([0.5, 1.5, 2.5, -0.5, 127.5, 1e9, -1e9, np.inf, -np.inf, np.nan], np.float32)
    assert quantize(values, q).tolist() == [0, 2, 2, 0, 127, 127, -128, 127, -128, -128]


@pytest.mark.parametrize(
    "fields",
    [
        (0.0, 0),
        (-1.0, 0),
        (float("nan"), 0),
        (float("inf"), 0),
        (1e-40, 0),
        (1.0, 128),
        (1.0, -129),
    ],
)
def test_what_cannot_be(fields: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match=r"scale|zero_point"):
        Quantization(*fields)


def test_weights_have_a_scale_a_channel() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 5, 4)).astype(np.float32)
    weights[..., 2] = 0
    for axis in (0, 1, 2, -1):
        scales = per_channel_scales(weights, axis)
        assert scales.shape == (weights.shape[axis],) and np.all(scales > 0)
        integers = quantize_weights(weights, scales, axis)
        assert integers.dtype == np.int8 and integers.min() >= -127
        shape = [1] * 3
        shape[axis] = -1
        error = np.abs(integers * scales.reshape(shape) - weights)
        assert np.all(error <= 0.501 * scales.reshape(shape))


def test_a_bias_fits_its_integers() -> None:
    bias, scales = np.array([1.0, -2.0, 1e30], np.float32), np.array([0.5, 0.5, 1e-9], np.float32)
    narrow, wide = quantize_bias(bias, scales), quantize_bias(bias, scales, wide=True)
    assert narrow.dtype == np.int32 and wide.dtype == np.int64
    assert narrow.tolist() == wide.tolist() == [2, -4, 2**31 - 1]
