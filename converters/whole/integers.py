"""A whole-sequence model in int8 with some layers in float, many times from one calibration."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgenets.artifact import Precision, TensorInfo
from edgenets.errors import ConversionError
from edgenets.extras import require
from edgenets.recipeparts import QuantizeRecipe

from .. import formats
from ..formats import Written
from ..step.openvino import to_ir
from . import onnxnames, onnxround, tflite
from .function import Function
from .samples import Samples
from .tails import Mixed, kept_apart, onnx_tail

if TYPE_CHECKING:
    from onnx import ModelProto


class Integers(Protocol):
    """A model, calibrated."""

    layers: tuple[str, ...]  # that may stay float, in the order of the network

    def write(self, keep: Collection[str] = ()) -> Written:
        """The artifact with layers in float.

        Raises:
            ConversionError: the converter refuses that.
        """
        ...

    def probed(self) -> tuple[Written, Written]:
        """The float variant and the rounded one, whose layers' ends are outputs called `seen`."""
        ...


class TFLiteIntegers:
    """By TensorFlow's converter."""

    def __init__(
        self,
        source: Function,
        samples: Samples,
        quantize: QuantizeRecipe | None = None,
        mixed: Mixed | None = None,
    ) -> None:
        """Take a function; layers that its recipe keeps float stay so whatever else does, and so do
        the ends of outputs of several ranges."""
        quantize = quantize or QuantizeRecipe()
        self._source = source
        calibrator = "minmax" if quantize.calibrator == "auto" else quantize.calibrator
        self._made = tflite.Integers(source, samples, quantize.per_channel, calibrator)
        self._always, self._mixed = frozenset(quantize.keep_float), mixed
        self.layers = tuple(name for name in self._made.layers if name not in self._always)

    def write(self, keep: Collection[str] = ()) -> Written:
        """See `Integers`."""
        kept = self._always | set(keep)
        if (mixed := self._mixed) is None:
            return self._made.write(kept)
        return kept_apart(mixed, lambda last: self._made.write_apart(kept, mixed.places, last))

    def probed(self) -> tuple[Written, Written]:
        """See `Integers`."""
        rounded = self._made.raw(self._always)
        both = set(tflite.results_of(rounded)) & set(tflite.results_of(self._made.plain))
        public = set(tflite.outputs_of(rounded))
        ends = {
            formats.seen(k): name for k, name in self._made.layers.items() if name in both - public
        }
        infos = (*self._source.outputs, *(TensorInfo(n, (1,), "float32") for n in ends))
        source = replace(self._source, outputs=infos)
        names = list(ends.values())
        plain = tflite.named(tflite.with_outputs(self._made.plain, names), source, "fp32")
        return plain, tflite.named(tflite.with_outputs(rounded, names), source, "int8")


class OnnxIntegers:
    """By ONNX Runtime's quantizer; the same read by OpenVINO where that is wanted."""

    def __init__(
        self,
        given: Written,
        samples: Samples,
        quantize: QuantizeRecipe | None = None,
        mixed: Mixed | None = None,
        openvino: bool = False,
    ) -> None:
        """Take a float ONNX artifact whose nodes say what layers they come from; those that its
        recipe keeps float stay so whatever else does, and so do the ends of outputs of several
        ranges."""
        self._recipe = quantize or QuantizeRecipe()
        (content,) = given.files.values()
        self._given, self._samples, self._openvino = given, samples, openvino
        self._mixed = mixed
        self._own = require("onnx").load_model_from_string(content)
        self._model = onnxround.with_compensated_weights(self._own, samples, self._recipe)
        self._folder = tempfile.TemporaryDirectory(prefix="edgenets-")
        self._cache = Path(self._folder.name) / "ranges.json"
        self._ends = onnxnames.ends_of(self._model)
        self.layers = tuple(name for name in self._ends if name not in self._recipe.keep_float)
        if not self.layers:
            raise ConversionError("its nodes have no names by which they could be kept float")

    def write(self, keep: Collection[str] = ()) -> Written:
        """See `Integers`."""
        if set(self.layers) <= set(keep):
            raise ConversionError("with all layers in float nothing is left to round; take fp32")
        if (mixed := self._mixed) is None:
            return self._rounded(keep)
        tails = (onnx_tail(self._own, mixed.places, last) for last in (False, True))
        kept = [(*keep, *tail) for tail in tails]
        return kept_apart(mixed, lambda last: self._rounded(kept[last]))

    def _rounded(self, keep: Collection[str]) -> Written:
        recipe = replace(self._recipe, keep_float=(*self._recipe.keep_float, *keep))
        exact = onnxround.with_weights_of(self._own, self._model, keep)
        model = onnxround.quantized(exact, self._samples, recipe, cache=self._cache)
        return self._artifact(model, {}, "int8")

    def probed(self) -> tuple[Written, Written]:
        """See `Integers`."""
        rounded = onnxround.raw_quantized(
            self._model, self._samples, self._recipe, cache=self._cache
        )
        public = {value.name for value in self._model.graph.output}
        ends = {formats.seen(k): end for k, end in self._ends.items() if end[-1] not in public}
        there = {name: onnxnames.rounded_end(rounded, end) for name, end in ends.items()}
        plain = {name: end[-1] for name, end in ends.items() if there[name]}
        others = {name: tensor for name, tensor in there.items() if tensor}
        return self._artifact(self._model, plain, "fp32"), self._artifact(rounded, others, "int8")

    def _artifact(
        self, model: ModelProto, ends: Mapping[str, str], precision: Precision
    ) -> Written:
        """A model with more outputs as an artifact."""
        given = self._given.artifact
        shown, infos = onnxnames.with_outputs(model, ends)
        outputs: Sequence[TensorInfo] = (*given.outputs, *infos)
        content = shown.SerializeToString()
        if self._openvino:
            return formats.whole(
                "openvino", precision, to_ir(content, half=False), given.inputs, outputs
            )
        return formats.whole("onnx", precision, (content,), given.inputs, outputs)
