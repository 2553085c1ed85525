"""A model as a user brings it: what it takes, what it gives, and what it answers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from edgenets.arrays import Array
from edgenets.artifact import OPEN, Precision, TensorInfo
from edgenets.errors import ModelError

from ..onnxstep.walk import Walked
from ..whole.samples import rows_of
from .ends import End

Kind = Literal["keras", "saved_model", "onnx", "tflite"]

Answers = dict[str, Array]  # (items, …) of every output, by name

_TORCH = "edgenets.converters.sources.torch_file"

# Of one item of each input that is open, by its name; "" of the only one.
Shapes = Mapping[str, tuple[int, ...]]

# Ending of a file → the kind of model in it, and the module that reads it; a folder is "/".
KINDS: dict[str, tuple[Kind, str]] = {
    ".keras": ("keras", "edgenets.converters.sources.keras_file"),
    ".h5": ("keras", "edgenets.converters.sources.keras_file"),
    ".hdf5": ("keras", "edgenets.converters.sources.keras_file"),
    "/": ("saved_model", "edgenets.converters.sources.saved_model"),
    ".onnx": ("onnx", "edgenets.converters.sources.onnx_file"),
    ".tflite": ("tflite", "edgenets.converters.sources.tflite_file"),
    ".pt2": ("onnx", _TORCH),
    ".pt": ("onnx", _TORCH),
    ".pth": ("onnx", _TORCH),
    ".ts": ("onnx", _TORCH),
}


@dataclass(frozen=True)
class Source:
    """A model that was opened."""

    path: Path
    kind: Kind
    name: str
    model: Any  # keras.Model, a SavedModel's `Signature`, onnx.ModelProto, or the bytes of a file
    inputs: tuple[TensorInfo, ...]  # of one item; `OPEN` where a shape is not fixed
    outputs: tuple[TensorInfo, ...]  # the same
    # What it answers in its own library, for inputs of (items, …) by name.
    answer: Callable[[Mapping[str, Array]], Answers] = field(repr=False)
    precision: Precision = "fp32"  # what it was rounded to before it came
    # Of a file that is an artifact already: inputs and outputs in its own types.
    own: tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]] | None = None
    stateful: bool = False  # whether it was made to go on in each call from the one before
    # Its step form, of a file of ONNX: only a walk can tell what its axes are. Walked once a size.
    walked: Callable[[Shapes], Walked] | None = field(default=None, repr=False)
    # Further files that it lies in.
    files: tuple[Path, ...] = ()
    # What makes each output, by name, as far as the model says.
    ends: Mapping[str, End] = field(default_factory=dict)

    @property
    def raw(self) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
        """Inputs and outputs in the types that the file has."""
        return self.own or (self.inputs, self.outputs)

    def rows(self, samples: Mapping[str, Array], shapes: Shapes | None = None) -> dict[str, Array]:
        """Items as a step form of the model takes them: the sequence as (items, frames, channels),
        by the names that the model's own library has for its inputs.

        Args:
            shapes: of one item, for inputs that are open.
        """
        names = [t.name for t in self.model.inputs] if self.kind == "keras" else list(samples)
        found = dict(zip(names, samples.values(), strict=True))
        if self.walked is not None:
            return {**found, names[0]: self.walked(shapes or {}).rows(found[names[0]])}
        return {**found, names[0]: rows_of(found[names[0]])}

    @property
    def open_inputs(self) -> tuple[str, ...]:
        """Names of the inputs that are not of a fixed shape."""
        return tuple(i.name for i in self.inputs if OPEN in i.shape)


def open_source(path: Path, shapes: Shapes | None = None) -> Source:
    """Read a model.

    Args:
        shapes: of inputs, where the file does not say them (TorchScript).

    Raises:
        ModelError: it is none, is damaged, would run code of its own, or is for a processor that
            edgenets has no interpreter of.
        MissingExtra: the library that reads it is not installed.
    """
    ending = "/" if path.is_dir() else path.suffix.lower()
    if not path.exists():
        raise ModelError(f"{path}: there is no such file")
    if ending not in KINDS:
        raise ModelError(
            f"{path}: not a model that is known: a .keras, .h5, .onnx, .tflite, .pt2 or "
            f"TorchScript file, or the folder of a SavedModel, is needed"
        )
    module = importlib.import_module(KINDS[ending][1])
    source: Source = (
        module.read(path, shapes or {}) if KINDS[ending][1] == _TORCH else module.read(path)
    )
    return source
