"""A converter: an edge of a graph, whose places are forms of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from edgenets.artifact import Precision
from edgenets.progress import Progress
from edgenets.recipeparts import QuantizeRecipe

from ..own.options import Preparation
from ..sources.source import Source
from ..verify.outputs import outputs_of
from ..whole.samples import Samples, spread
from ..whole.tails import Mixed

if TYPE_CHECKING:
    from onnx import ModelProto

# Items that outputs are looked at by.
_FEW = 32

# What a model is on its way: as it came, a step graph, a TensorFlow function, or artifacts.
Form = Literal["keras", "saved_model", "step", "function", "onnx", "tflite", "openvino", "edgetpu"]

# Step models take the newest frames and a state; whole ones all of an item at once.
Variant = Literal["auto", "step", "whole"]


@dataclass(frozen=True)
class Place:
    """A form of a model, and what it was rounded to by then."""

    form: Form
    precision: Precision

    def __str__(self) -> str:
        return f"{self.form} {self.precision}" if self.form in _ARTIFACTS else self.form


_ARTIFACTS = ("onnx", "tflite", "openvino", "edgetpu")


@dataclass(frozen=True)
class Job:
    """A model to be converted, and what is wished."""

    source: Source
    samples: Samples | None = None  # to calibrate on
    variant: Variant = "auto"
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # of inputs that are open
    quantize: QuantizeRecipe = field(default_factory=QuantizeRecipe)
    calibration: str = ""  # the file or folder that the samples are from, if they are from one
    progress: Progress = field(default_factory=Progress)
    preparation: Preparation = field(default_factory=Preparation)  # that made them of files
    # Models whose weights were rounded already, by what they were and what stays float: jobs that
    # differ in how ranges are found share them.
    exact: dict[tuple[bytes, tuple[str, ...], bool, bool], ModelProto] = field(default_factory=dict)

    @cached_property
    def mixed(self) -> Mixed | None:
        """Its outputs that integers of one scale would lose a part of, as calibration shows."""
        if not self.samples:
            return None
        few = spread(self.samples, _FEW)
        wanted = self.source.answer(few)
        outputs = outputs_of(wanted, self.source.ends)
        mixed = [
            (place, output, wanted[output.name])
            for place, output in enumerate(outputs)
            if output.mixed or output.narrow
        ]
        return Mixed(few, tuple(mixed)) if mixed else None


class NotApplicable(str):
    """Why a path is closed that nobody meant: a reason for `--explain` alone, where others have
    another."""


@dataclass(frozen=True, eq=False)
class Converter:
    """A converter; each is itself alone."""

    name: str  # what it does, in a word or two
    tool: str  # whose work it is
    source: Form
    target: Form
    # Precisions that it gives, by that which it is given.
    precisions: Mapping[Precision, tuple[Precision, ...]]
    requires: str
    ensures: str
    # (job, what it is given, precision wanted) → what it gives. Raises ConversionError.
    apply: Callable[[Job, Any, Precision], Any] = field(repr=False)
    # Why it cannot take a job's model to a precision; nothing where that is only seen by doing.
    closed: Callable[[Job, Precision], str] = field(default=lambda job, precision: "", repr=False)
    cost: float = 1.0  # of two conversion paths the one that costs less is taken

    def __str__(self) -> str:
        return f"{self.name} ({self.tool})"
