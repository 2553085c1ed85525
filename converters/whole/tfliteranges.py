"""Ranges of a calibrated TFLite file, found otherwise than by least and largest values.

TensorFlow's converter writes the range of each tensor into the float file that it quantizes, and
takes it from there: what stands there can be another.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.errors import ConversionError
from edgenets.extras import require
from edgenets.recipeparts import CALIBRATORS, Calibrator

from ..sources import tflite_file
from .ranges import BINS, nearest, percentile

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

_OTHERS = {"percentile": percentile, "mse": nearest}

# All but what is ONNX Runtime's alone.
KNOWN: tuple[Calibrator, ...] = tuple(name for name in CALIBRATORS if name != "entropy")


def why_not(calibrator: str) -> str:
    """Why TFLite files are not calibrated so; nothing where they are."""
    return "" if calibrator in (*KNOWN, "auto") else f"{calibrator} is ONNX Runtime's alone"


def with_ranges(
    model: bytes,
    calibrator: Calibrator,
    names: Mapping[str, str],
    items: Iterator[Mapping[str, Array]],
) -> bytes:
    """A calibrated file with other ranges.

    Args:
        model: in float, with the least and the largest value of each tensor.
        names: the names of its inputs by those that items have.
        items: what it is calibrated on.

    Raises:
        ConversionError: there is no such calibrator for it.
    """
    if calibrator == "minmax":
        return model
    if reason := why_not(calibrator):
        raise ConversionError(reason)
    tree = require("ai_edge_litert.schema_py_generated").ModelT.InitFromPackedBuf(model, 0)
    known = {
        place: tensor.quantization
        for place, tensor in enumerate(tree.subgraphs[0].tensors)
        if tensor.quantization is not None and np.size(tensor.quantization.min) == 1
    }
    edges = {place: np.linspace(q.min[0], q.max[0], BINS + 1) for place, q in known.items()}
    seen = _seen(model, names, edges, items)
    for place, quantization in known.items():
        if calibrator == "moving-average":
            low, high = np.mean(seen[place].sides, axis=0)
        else:
            low, high = _OTHERS[calibrator](seen[place].counts, edges[place])
        if low < high:
            quantization.min, quantization.max = [float(low)], [float(high)]
    return tflite_file.packed(tree)


@dataclass
class _Seen:
    """What a tensor was."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    sides: list[tuple[float, float]] = field(default_factory=list)  # least and largest, an item


def _seen(
    model: bytes,
    names: Mapping[str, str],
    edges: Mapping[int, NDArray[np.float64]],
    items: Iterator[Mapping[str, Array]],
) -> dict[int, _Seen]:
    """What tensors of a float file were, by their places; arguments as `with_ranges`."""
    made = _interpreter(model)
    inputs = {info["name"]: info["index"] for info in made.get_input_details()}
    seen = {place: _Seen() for place in edges}
    for item in items:
        for name, value in item.items():
            made.set_tensor(inputs[names[name]], value)
        made.invoke()
        for place, found in seen.items():
            values = made.get_tensor(place)
            found.sides.append((float(values.min()), float(values.max())))
            found.counts += np.histogram(values, edges[place])[0]
    return seen


def _interpreter(model: bytes) -> Interpreter:
    """What runs a file and keeps inner tensors."""
    with warnings.catch_warnings():  # that this is for debugging, and takes memory
        warnings.simplefilter("ignore")
        made: Interpreter = require("ai_edge_litert.interpreter").Interpreter(
            model_content=model, experimental_preserve_all_tensors=True
        )
        made.allocate_tensors()
    return made
