"""How ranges of activations are found for ONNX Runtime's quantizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgenets.arrays import Array
from edgenets.extras import require
from edgenets.files import Json
from edgenets.recipeparts import Calibrator

from .ranges import KEPT, nearest

if TYPE_CHECKING:
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod


def reader_of(items: Iterator[Mapping[str, Array]]) -> CalibrationDataReader:
    """Items as the quantizer asks for them."""
    base = require("onnxruntime.quantization").CalibrationDataReader
    made: CalibrationDataReader = type(
        "Reader", (base,), {"get_next": lambda _: next(items, None)}
    )()
    return made


def method_of(calibrator: Calibrator) -> CalibrationMethod:
    """What the quantizer calls a calibrator; of one that it has not, what its ranges replace."""
    methods = require("onnxruntime.quantization").CalibrationMethod
    named = {"percentile": methods.Percentile, "entropy": methods.Entropy}
    found: CalibrationMethod = named.get(calibrator, methods.MinMax)
    return found


def options_of(
    calibrator: Calibrator, model: Path, items: Callable[[], Iterator[Mapping[str, Array]]]
) -> Json:
    """More options of the quantizer for a calibrator.

    Args:
        model: the float model's file.
        items: begins to give the items that it is calibrated on.
    """
    if calibrator == "moving-average":
        return {"CalibMovingAverage": True}
    if calibrator == "percentile":
        return {"CalibPercentile": KEPT, "CalibTensorRangeSymmetric": False}
    if calibrator != "mse":
        return {}
    tool, methods = require("onnxruntime.quantization.calibrate"), method_of("percentile")
    augmented = str(model.with_name("augmented.onnx"))
    made = tool.create_calibrator(
        model, None, augmented, calibrate_method=methods, extra_options={"symmetric": False}
    )
    made.collect_data(reader_of(items()))
    ranges = {}
    for name, (counts, edges, *_) in made.collector.histogram_dict.items():
        low, high = nearest(counts, edges)
        ranges[name] = [{"rmin": np.float32(low), "rmax": np.float32(high)}]
    return {"TensorQuantOverrides": ranges}
