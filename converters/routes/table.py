"""Every converter. To add one: a function that carries, and an entry here.

Of conversion paths that are as short as each other, the one whose converters stand first is taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgenets.artifact import FORMATS, OPEN, PRECISIONS, Format, Precision, TensorInfo
from edgenets.errors import ConversionError
from edgenets.extras import require
from edgenets.recipeparts import Calibrator
from edgenets.training import aware

from .. import formats
from ..accelerators import edgetpu, edgetpu_compiler
from ..formats import Written
from ..replay.replay import replay, unknown
from ..sources import saved_model
from ..step.convert import Steps
from ..step.graph import StepGraph
from ..step.openvino import to_ir
from ..step.walk import walk
from ..whole import function, litert, onnx, onnxnames, onnxround, recurrent, tflite
from ..whole.function import Function
from ..whole.onnxpairs import within_pairs
from ..whole.onnxreduce import keeping_axes
from ..whole.recurrent import has_operators
from ..whole.share import check_integers, share_of
from ..whole.tails import Mixed, kept_apart, onnx_tail
from . import closed
from .converter import Converter, Job, NotApplicable

if TYPE_CHECKING:
    from onnx import ModelProto

Infos = Sequence[TensorInfo]

_FLOAT: Precision = "fp32"
_ALL: dict[Precision, tuple[Precision, ...]] = {_FLOAT: PRECISIONS}
_PLAIN: dict[Precision, tuple[Precision, ...]] = {_FLOAT: (_FLOAT,)}
_ROUNDED: dict[Precision, tuple[Precision, ...]] = {_FLOAT: PRECISIONS[1:]}
_SAME: dict[Precision, tuple[Precision, ...]] = {p: (p,) for p in PRECISIONS}
_WITH_RANGES: dict[Precision, tuple[Precision, ...]] = {_FLOAT: (_FLOAT,), "int8": ("int8",)}
_IR: dict[Precision, tuple[Precision, ...]] = {
    _FLOAT: (_FLOAT, "fp16"),
    "dynamic": ("dynamic",),
    "int8": ("int8",),
}


def _no_step(job: Job, precision: Precision) -> str:
    if job.variant == "whole":
        return NotApplicable("a whole form was asked for")
    if job.variant == "auto" and job.shapes:
        return NotApplicable(
            "a shape was given, so the whole-sequence model is meant; --variant step says otherwise"
        )
    goes_on = job.source.stateful or OPEN in job.source.inputs[0].shape
    if job.variant == "auto" and not goes_on:
        return NotApplicable(
            "its size is fixed, so the whole-sequence model is meant; --variant step says otherwise"
        )
    try:
        _walked(job)
    except ConversionError as exc:
        return f"no step form: {exc}"
    return ""


def _walked(job: Job) -> StepGraph:
    source = job.source
    if source.walked is not None:
        return source.walked(job.shapes).graph
    return walk(aware.plain_of(source.model))


def _no_whole(job: Job, precision: Precision) -> str:
    if job.variant == "step":
        return NotApplicable("a step form was asked for")
    try:
        for info in job.source.inputs:
            function.fixed(info, job.shapes)
    except ConversionError as exc:
        return str(exc)
    return ""


def _walk(job: Job, model: Any, precision: Precision) -> Steps:
    clips = None
    if job.samples and len(job.samples) == 1:
        (clips,) = job.source.rows(job.samples, job.shapes).values()
    return Steps(_walked(job), clips, job.quantize, job.progress)


def _write(format: Format) -> Callable[[Job, Steps, Precision], Written]:
    def apply(job: Job, steps: Steps, precision: Precision) -> Written:
        return steps.write(format, precision)

    return apply


def _lacks(format: Format) -> Callable[[Job, Precision], str]:
    def why_closed(job: Job, precision: Precision) -> str:
        if formats.activation_type(precision) and len(job.samples or ()) > 1:
            return "a step model of several inputs is calibrated from Python alone"
        return formats.MISSING.get((format, precision), "") or closed.needs_samples(job, precision)

    return why_closed


def _freeze(job: Job, model: Any, precision: Precision) -> Function:
    has_ranges = precision == "int8"
    model = model if has_ranges else aware.plain_of(model)
    made = function.freeze(model, [o.name for o in job.source.outputs], job.shapes)
    _check_kept(job, made.layers)
    return replace(made, has_ranges=has_ranges)


def _recurrent(job: Job, model: Any, precision: Precision) -> Written:
    """Recurrent layers by ONNX's own operators."""
    made, given = recurrent.to_onnx(
        aware.plain_of(model), [o.name for o in job.source.outputs], job.shapes
    )
    return _as_onnx(made, given.inputs, given.outputs, precision)


def _no_recurrent(job: Job, precision: Precision) -> str:
    if not recurrent.layers_of(job.source.model):
        return NotApplicable("there is no recurrent layer in it")
    return _no_whole(job, precision)


def _check_kept(job: Job, known: Sequence[str]) -> None:
    """Refuse names of layers that a model has not."""
    if unknown := sorted(set(job.quantize.keep_float) - set(known)):
        raise ConversionError(
            f"layers that are to stay float are none of the model's: {', '.join(unknown)}; known: "
            f"{', '.join(known) or 'none by name'}"
        )


def _no_ranges(job: Job, precision: Precision) -> str:
    if not aware.is_aware(job.source.model):
        return NotApplicable(
            "no ranges in the model: it was not trained with rounding (edgenets.aware)"
        )
    return _no_whole(job, precision)


def _signature(job: Job, signature: Any, precision: Precision) -> Function:
    inputs = [function.fixed(info, job.shapes) for info in job.source.inputs]
    shapes = {i.name: i.shape for i in inputs}
    traced = saved_model.function_of(signature, shapes, inputs)
    return function.frozen(traced, inputs, [o.name for o in job.source.outputs])


def _to_tflite(job: Job, source: Function, precision: Precision) -> Written:
    if formats.activation_type(precision):
        _check_kept(job, source.layers)
    quantize = job.quantize
    if precision == "int8" and not source.has_ranges and job.mixed is not None:
        return _tflite_apart(job, source, job.mixed)
    return tflite.write(
        source,
        precision,
        job.samples,
        quantize.keep_float,
        quantize.per_channel,
        _calibrator(job),
    )


def _calibrator(job: Job) -> Calibrator:
    chosen = job.quantize.calibrator
    return "minmax" if chosen == "auto" else chosen  # each is tried by itself


def _tflite_apart(job: Job, source: Function, mixed: Mixed) -> Written:
    """In int8, outputs of several ranges in float."""
    made = tflite.Integers(source, job.samples or {}, job.quantize.per_channel, _calibrator(job))

    kept = job.quantize.keep_float
    return kept_apart(mixed, lambda last: made.write_apart(kept, mixed.places, last))


def _to_onnx(job: Job, source: Function, precision: Precision) -> Written:
    made = onnx.to_onnx(source)
    made = within_pairs(made) if precision == "int8" else made
    return _as_onnx(made, source.inputs, source.outputs, precision)


def _unknown(job: Job, precision: Precision) -> str:
    if job.source.kind != "onnx" or not (names := unknown(job.source.model)):
        return ""
    return f"operators that are not known: {', '.join(names)}"


def _replay(job: Job, given: Written, precision: Precision) -> Function:
    (content,) = given.files.values()
    model = require("onnx").load_model_from_string(content)
    made = replay(model, given.artifact.inputs, given.artifact.outputs)
    return replace(made, has_ranges=precision == "int8")


def _from_tflite(job: Job, given: Written, precision: Precision) -> Written:
    (model,) = given.files.values()
    made, inputs, outputs = onnx.from_tflite(model, given.artifact)
    made = within_pairs(made) if precision == "int8" else made
    return _as_onnx(made, inputs, outputs, precision)


def _round_products(job: Job, given: Written, precision: Precision) -> Written:
    return _round_onnx(job, given, precision, onnxnames.PRODUCTS)


def _round_onnx(
    job: Job, given: Written, precision: Precision, operators: Sequence[str] = ()
) -> Written:
    (content,) = given.files.values()
    model, quantize = require("onnx").load_model_from_string(content), job.quantize
    if job.source.kind == "keras" and formats.activation_type(precision) and has_operators(model):
        raise ConversionError("recurrent operators have no static integers; unrolled they have")
    if job.source.kind != "keras":
        _check_kept(job, list(onnxnames.ends_of(model)))
        model = onnxnames.short_tensors(model)

    def written(made: ModelProto) -> Written:
        return _as_onnx(made, given.artifact.inputs, given.artifact.outputs, precision)

    def in_integers(tail: Sequence[str] = ()) -> ModelProto:
        kept = replace(quantize, keep_float=(*quantize.keep_float, *tail))
        wide = precision == "int16x8"
        key = (hashlib.sha256(content).digest(), kept.keep_float, kept.per_channel, wide)
        if key not in job.exact:
            job.exact[key] = onnxround.with_compensated_weights(
                model, job.samples or {}, kept, wide
            )
        exact = job.exact[key]
        return onnxround.quantized(exact, job.samples or {}, kept, wide, operators=operators)

    if precision == "fp16":
        return written(onnxround.halved(model))
    if precision == "dynamic":
        return written(onnxround.weights_in_bytes(model, quantize.per_channel))
    if (mixed := job.mixed) is not None:
        return kept_apart(
            mixed, lambda last: written(in_integers(onnx_tail(model, mixed.places, last)))
        )
    return written(in_integers())


def _to_openvino(job: Job, given: Written, precision: Precision) -> Written:
    (content,) = given.files.values()
    if precision in ("int8", "dynamic"):
        check_integers(share_of(given))  # what OpenVINO reads would not say it
    content = keeping_axes(content) if precision == "int8" else content
    files = to_ir(content, half=precision == "fp16")
    return formats.whole(
        "openvino", precision, files, given.artifact.inputs, given.artifact.outputs
    )


def _round_tflite(job: Job, given: Written, precision: Precision) -> Written:
    if formats.activation_type(precision):
        _check_kept(job, ())  # a file's tensors say no layer
    return litert.rounded(given, precision, job.samples)


def _as_onnx(model: ModelProto, inputs: Infos, outputs: Infos, precision: Precision) -> Written:
    # A step model's products of this precision are quantized as they run; these are not.
    note = formats.WEIGHTS_ALONE if precision == "dynamic" else None
    return formats.whole("onnx", precision, (model.SerializeToString(),), inputs, outputs, note)


def _compile(job: Job, given: Written, precision: Precision) -> Written:
    return edgetpu.compiled(given)


def _no_compiler(job: Job, precision: Precision) -> str:
    return "" if edgetpu_compiler.is_here() else edgetpu_compiler.instructions("tflite-int8.tflite")


CONVERTERS: tuple[Converter, ...] = (
    Converter(
        "walk", "edgenets", "keras", "step", _PLAIN,
        "a causal or recurrent network of Keras's own layers, its time alone left open",
        "step after step it gives what the network gives", _walk, _no_step,
    ),
    Converter(
        "walk", "edgenets", "onnx", "step", _PLAIN,
        "recurrent operators, causal convolutions and what goes with them; time on one axis",
        "step after step it gives what the network gives", _walk, _no_step,
    ),
    *(
        Converter(
            "write", "edgenets", "step", format, _ALL, "the operations of a step graph",
            "states keep one scale from step to step", _write(format), _lacks(format),
        )
        for format in FORMATS
    ),
    Converter(
        "recurrent operators", "edgenets", "keras", "onnx", _PLAIN,
        "GRU, LSTM and SimpleRNN of Keras's own, without masks and states from outside",
        "each is one operator, whatever the sequence's length", _recurrent, _no_recurrent,
        cost=2.0,  # as much as a step form, which is meant where there is one, and as unrolling
    ),
    Converter(
        "freeze", "tensorflow", "keras", "function", _PLAIN,
        "inputs of a fixed size; recurrent layers are unrolled",
        "weights are constants, and there is no loop", _freeze, _no_whole,
    ),
    Converter(
        "freeze", "tensorflow", "keras", "function", {_FLOAT: ("int8",)},
        "inputs of a fixed size, and ranges that training found",
        "weights are constants, and ranges stand where integers shall be", _freeze, _no_ranges,
        cost=0.5,
    ),
    Converter(
        "freeze", "tensorflow", "saved_model", "function", _PLAIN,
        "a signature with inputs of a fixed size",
        "weights are constants", _signature, _no_whole,
    ),
    Converter(
        "replay", "edgenets", "onnx", "function", _WITH_RANGES,
        "operators that TensorFlow has too, sizes that are fixed",
        "recurrent operators are unrolled; channels are last where convolutions want them",
        _replay, _unknown,
    ),
    Converter(
        "TFLiteConverter", "tensorflow", "function", "tflite", _ALL,
        "operators that TFLite has", "built-in operators alone", _to_tflite, closed.chooses_zeros,
    ),
    Converter(
        "TFLiteConverter", "tensorflow", "function", "tflite", {"int8": ("int8",)},
        "ranges of integers in the model", "these ranges", _to_tflite, closed.chooses_other_zeros,
    ),
    Converter(
        "tf2onnx", "tf2onnx", "function", "onnx", _WITH_RANGES, "operators that tf2onnx knows",
        "opset 13, shapes fixed; ranges as the function has them", _to_onnx, closed.has_ranges,
    ),
    Converter(
        "quantize", "onnxruntime", "onnx", "onnx", _ROUNDED, "a float file",
        "Quantize and Dequantize nodes around products", _round_onnx, closed.needs_samples,
    ),
    Converter(
        "quantize products", "onnxruntime", "onnx", "onnx", {_FLOAT: ("int8",)},
        "a float file", "Quantize and Dequantize nodes around products, and nothing else",
        _round_products, closed.needs_samples, cost=1.8,
    ),
    Converter(
        "read", "openvino", "onnx", "openvino", _IR, "operators that OpenVINO knows",
        "scales as the ONNX form has them", _to_openvino,
    ),
    Converter(
        "tf2onnx", "tf2onnx", "tflite", "onnx", _SAME, "operators that tf2onnx knows",
        "scales as the TFLite form has them", _from_tflite, cost=1.5,
    ),
    Converter(
        "quantize", "litert-quantizer", "tflite", "tflite", _ROUNDED, "a float file",
        "the operators of the file", _round_tflite, closed.chooses_all,
    ),
    Converter(
        "compile", edgetpu_compiler.COMPILER, "tflite", "edgetpu", {"int8": ("int8",)},
        "Coral's compiler on the PATH", "what can be mapped runs on the Edge TPU", _compile,
        _no_compiler,
    ),
)  # fmt: skip
