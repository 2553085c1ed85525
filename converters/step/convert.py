"""`convert`: a Keras model and calibration recordings become artifacts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import FORMATS, PRECISIONS, Format, Part, Precision
from edgenets.errors import ConversionError, UnsupportedPrecision
from edgenets.progress import Progress
from edgenets.recipeparts import QuantizeRecipe

from .. import formats
from ..formats import Written
from .calibrate import Calibration, Rolls, calibrate, rolls_of
from .graph import StepGraph
from .passes import isolate_fixed, simplify
from .plan import Plan, make_plan
from .walk import walk

if TYPE_CHECKING:
    import keras


NO_CLIPS = "int8 and int16x8 need recordings to calibrate on; give --data, or leave them out"

# Recordings, or what `calibrate.rolls_of` would make of them.
Clips = Array | Sequence[Rolls]


@dataclass(frozen=True)
class Conversion(formats.Converted):
    """The outcome of a conversion to step artifacts."""

    graph: StepGraph


def convert(
    model: keras.Model,
    clips: Clips | None = None,
    to: Sequence[Format] = ("tflite", "onnx", "openvino"),
    precisions: Sequence[Precision] = ("fp32", "fp16", "dynamic", "int8", "int16x8"),
    quantize: QuantizeRecipe | None = None,
    progress: Progress | None = None,
    part: Part = "",
) -> Conversion:
    """Convert a recurrent or causal Keras model to step artifacts.

    Args:
        model: a model from (batch, time, channels) to (batch, time, …) or (batch, …).
        clips: (clips, frames, channels) float32 features of recordings, or (texts, tokens, 1)
            int32, to calibrate on, or `Rolls` of them, for a model that is given something once
            a sequence; needed for int8 and int16x8 alone.
        to: formats to write.
        precisions: precisions to write; one that a format lacks is reported in `missing`.
        quantize: how ranges are found, and which layers stay float.
        part: which network of its model this is, where that is made of several.

    Raises:
        ConversionError: the model has no step form, calibration clips are missing or not the
            model's, or a format or precision does not exist.
    """
    for given, known in ((to, FORMATS), (precisions, PRECISIONS)):
        if unknown := sorted(set(given) - set(known)):
            raise ConversionError(f"no such: {', '.join(unknown)}; there are {', '.join(known)}")
    steps = Steps(walk(model), clips, quantize, progress)
    if clips is None and any(formats.activation_type(p) for p in precisions):
        raise ConversionError(NO_CLIPS)
    found = formats.each(
        to, precisions, lambda f, p: steps.write(f, p, part), UnsupportedPrecision, progress
    )
    return Conversion(found.written, found.missing, steps.graph)


class Steps:
    """A model as a step graph; what several artifacts begin with is made once."""

    def __init__(
        self,
        walked: StepGraph,
        clips: Clips | None = None,
        quantize: QuantizeRecipe | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Take a graph, as it was walked; other arguments and errors as `convert`."""
        self._clips, self._quantize = clips, quantize or QuantizeRecipe()
        self._progress = progress or Progress()
        graph = simplify(walked)
        _check_layers(graph, self._quantize.keep_float)
        kept = graph.float_layers | set(self._quantize.keep_float)
        self.graph = replace(graph, float_layers=kept, per_channel=self._quantize.per_channel)
        self._fixed = isolate_fixed(self.graph)

    def write(
        self,
        format: Format,
        precision: Precision,
        part: Part = "",
        keep_float: Collection[str] = (),
        probes: Sequence[str] = (),
    ) -> Written:
        """One artifact.

        Args:
            keep_float: layers that stay float, besides those of the recipe.
            probes: inner tensors that it gives besides its outputs, each called `seen(name)`; its
                scales stay as they are.

        Raises:
            UnsupportedPrecision: the format has no such precision.
            ConversionError: it needs recordings, and there are none or other ones.
        """
        dtype = formats.activation_type(precision)
        if dtype is not None and self._quantize.symmetric:
            raise ConversionError(
                "symmetric integers are for whole forms in ONNX, which TensorRT runs; a step is "
                "over on a CPU before a GPU begins"
            )
        graph, plan = self.graph, None
        if dtype is not None and (format, precision) not in formats.MISSING:
            kept = self._fixed.float_layers | set(keep_float)
            graph = replace(self._fixed, float_layers=kept)
            plan = make_plan(graph, self._calibration, dtype)
        outputs = (*graph.outputs, *((formats.seen(name), name) for name in probes))
        return formats.write(replace(graph, outputs=outputs), format, precision, plan, part)

    def planned(self) -> tuple[StepGraph, Plan]:
        """The graph with its int8 plan, for writers of their own."""
        return self._fixed, make_plan(self._fixed, self._calibration, "int8")

    @cached_property
    def _calibration(self) -> Calibration:
        return _calibrate(self._fixed, self._clips, self._quantize, self._progress)


def _calibrate(
    graph: StepGraph, clips: Clips | None, quantize: QuantizeRecipe, progress: Progress
) -> Calibration:
    if clips is None or not len(clips):
        raise ConversionError(NO_CLIPS)
    if not isinstance(clips, np.ndarray):
        _check_rolls(graph, clips)
        return calibrate(graph, clips, quantize.method, quantize.percentile)
    if graph.sequence_inputs:
        raise ConversionError(
            f"the per-sequence input ({graph.sequence_inputs[0]}) has a range, too; calibrate on "
            f"`Rolls`, which hold it, or leave int8 and int16x8 out"
        )
    frames, channels = graph.shapes[graph.input]
    if clips.ndim != 3 or clips.shape[1] < frames or clips.shape[2] != channels:
        raise ConversionError(
            f"the recordings to calibrate on are of shape {clips.shape}; (clips, frames, channels) "
            f"with at least {frames} frames and {channels} channels is needed"
        )
    if not np.isfinite(clips).all():
        raise ConversionError(
            "the recordings to calibrate on hold NaN or infinite values; leave those clips out"
        )
    progress.say(f"calibrating on {min(len(clips), quantize.samples)} clips")
    spread = np.linspace(0, len(clips) - 1, min(len(clips), quantize.samples)).astype(int)
    return calibrate(graph, [rolls_of(clips[spread])], quantize.method, quantize.percentile)


def _check_rolls(graph: StepGraph, rolls: Sequence[Rolls]) -> None:
    wanted = set(graph.sequence_inputs) | {s.input for s in graph.states if s.initial_input}
    for roll in rolls:
        if roll.given.keys() != wanted:
            raise ConversionError(
                f"{', '.join(sorted(wanted)) or 'nothing'} is given once a sequence, and "
                f"{', '.join(sorted(roll.given)) or 'nothing'} was found to calibrate on"
            )
        every = [roll.features, *roll.given.values()]
        if not all(np.isfinite(values).all() for values in every):
            raise ConversionError("what is to be calibrated on holds NaN or infinite values")


def _check_layers(graph: StepGraph, names: Iterable[str]) -> None:
    known = {op.layer for op in graph.ops}
    unknown = sorted(set(names) - known)
    if unknown:
        raise ConversionError(
            f"keep_float names layers that are not in the step graph: {', '.join(unknown)}; "
            f"known: {', '.join(sorted(known))}"
        )
