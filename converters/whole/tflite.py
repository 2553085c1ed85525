"""TFLite, by TensorFlow's own converter."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import Precision, TensorInfo
from edgenets.errors import ConversionError, first_line
from edgenets.extras import require
from edgenets.native import captured_stderr, quiet_logging
from edgenets.recipeparts import Calibrator

from .. import formats
from ..formats import Written
from ..sources import tflite_file
from .function import Function
from .functionweights import with_compensated_weights
from .samples import Samples, items_of
from .tails import float_outputs, tflite_tail
from .tfliteranges import with_ranges

if TYPE_CHECKING:
    from tensorflow.lite import TFLiteConverter


def write(
    source: Function,
    precision: Precision,
    samples: Samples | None,
    keep: Collection[str] = (),
    per_channel: bool = True,
    calibrator: Calibrator = "minmax",
) -> Written:
    """Convert to one precision.

    Args:
        samples: (items, …) of every input, as the model takes them, to calibrate on; needed for
            int8 and int16x8 of a function without ranges.
        keep: layers that stay float in integer precisions.
        per_channel: whether integer weights have a scale a channel, or one a layer.
        calibrator: how ranges are found of int8.

    Raises:
        ConversionError: the converter refuses the model; it says why.
    """
    if keep and formats.activation_type(precision):
        _check_partial(source, precision)
    if _wants_own_ranges(source, precision, bool(keep), calibrator):
        assert samples is not None, "checked by convert"
        return Integers(source, samples, per_channel, calibrator).write(keep)
    tf = require("tensorflow")
    converter = _converter(_exact(source, precision, samples, per_channel), per_channel)
    if precision != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    operators = {
        "int8": tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
        "int16x8": tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
    }
    if precision in operators and not source.has_ranges:
        assert samples is not None, "checked by convert"
        converter.representative_dataset = _dataset(source, samples)
        converter.target_spec.supported_ops = [operators[precision]]
    if precision == "int8":  # the pixels as they come, and what an Edge TPU wants
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return named(_convert(converter), source, precision)


def _convert(converter: TFLiteConverter) -> bytes:
    try:
        with captured_stderr(), quiet_logging():  # it counts its passes there
            return bytes(converter.convert())
    except Exception as exc:  # it raises ConverterError, RuntimeError, ValueError …
        raise ConversionError(f"TFLiteConverter refuses the model: {first_line(exc)}") from exc


def _wants_own_ranges(
    source: Function, precision: Precision, keeps: bool, calibrator: Calibrator
) -> bool:
    """Whether the file is quantized apart from where it is calibrated."""
    other = keeps or calibrator != "minmax"
    return other and precision == "int8" and not source.has_ranges


def _exact(
    source: Function, precision: Precision, samples: Samples | None, per_channel: bool
) -> Function:
    """The function with the weights that integers hold best, where it is to be in integers."""
    if source.has_ranges or not formats.activation_type(precision):
        return source
    return with_compensated_weights(source, samples or {}, per_channel)


def _check_partial(source: Function, precision: Precision) -> None:
    """Refuse layers in float where the converter has no way to keep some."""
    if precision != "int8" or source.has_ranges:
        trained = " of a model that was trained with ranges" if source.has_ranges else ""
        raise ConversionError(f"TFLiteConverter keeps no layers float in {precision}{trained}")


def _converter(source: Function, per_channel: bool) -> TFLiteConverter:
    with quiet_logging():
        made = require("tensorflow").lite.TFLiteConverter.from_concrete_functions([source.function])
    made._experimental_disable_per_channel = not per_channel  # there is no public option
    return made


def _dataset(source: Function, samples: Samples) -> Callable[[], Iterator[list[Array]]]:
    """Items as the converter asks for them, in the order of the inputs."""
    names = [info.name for info in source.inputs]
    return lambda: ([item[name] for name in names] for item in items_of(samples, source.inputs))


class Integers:
    """A model in int8 with layers in float; it is calibrated once, for many sets of them.

    Source: TensorFlow's quantization debugger, whose "selective quantization" this is.
    """

    def __init__(
        self,
        source: Function,
        samples: Samples,
        per_channel: bool = True,
        calibrator: Calibrator = "minmax",
    ) -> None:
        """Calibrate; arguments and errors as `write`."""
        tf = require("tensorflow")
        self._source = source
        converter = _converter(with_compensated_weights(source, samples, per_channel), per_channel)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = _dataset(source, samples)
        self._options = tf.lite.experimental.QuantizationDebugOptions
        try:
            with captured_stderr(), quiet_logging(), _without_warnings():
                self._debugger = tf.lite.experimental.QuantizationDebugger(
                    converter=converter,
                    debug_dataset=converter.representative_dataset,
                    debug_options=self._options(fully_quantize=True),
                )
        except Exception as exc:  # as `write`
            raise ConversionError(f"TFLiteConverter refuses the model: {first_line(exc)}") from exc
        calibrated = bytes(self._debugger.calibrated_model)
        own = (info.name for info in source.inputs)
        names = dict(zip(own, _inputs_of(calibrated), strict=True))
        items = items_of(samples, source.inputs)
        self.plain = with_ranges(calibrated, calibrator, names, items)  # in float
        # As they were before they were rounded: those of layers that stay float.
        self._own = _constants_of(_convert(_converter(source, per_channel)))
        # Operators' results, which are what the quantizer knows an operator by.
        made = {name: source.layers_of(name) for name in results_of(self.plain)}
        self._made = {name: layers for name, layers in made.items() if layers}

    @property
    def layers(self) -> dict[str, str]:
        """The last result of every layer that computes something, in the order of the network.

        Operators that several layers became are the first one's: the others only follow it.
        """
        return {layers[0]: name for name, layers in self._made.items()}

    def write_apart(
        self, keep: Collection[str], places: Collection[int], products: bool
    ) -> Written:
        """The artifact with the ends of some outputs in float; see `tails.kept_apart`."""
        names = tflite_tail(_tree(self.plain), places, products)
        tree = _tree(self.raw(keep, names))
        float_outputs(tree, places)
        return named(tflite_file.packed(tree), self._source, "int8")

    def raw(self, keep: Collection[str] = (), results: Collection[str] = ()) -> bytes:
        """The file as the converter writes it.

        Args:
            keep: layers that stay float.
            results: of operators that do.

        Raises:
            ConversionError: the converter refuses that.
        """
        nodes = [name for name, layers in self._made.items() if set(layers) & set(keep)]
        nodes = [*dict.fromkeys((*nodes, *results))]
        if nodes and len(nodes) == len(self._made):
            raise ConversionError("with all layers in float nothing is left to round; take fp32")
        try:
            with captured_stderr(), quiet_logging(), _without_warnings():
                self._debugger.calibrated_model = _with_constants(self.plain, nodes, self._own)
                self._debugger.options = self._options(fully_quantize=True, denylisted_nodes=nodes)
                return bytes(self._debugger.get_nondebug_quantized_model())
        except Exception as exc:  # as `write`
            raise ConversionError(f"TFLiteConverter refuses the model: {first_line(exc)}") from exc

    def write(self, keep: Collection[str] = ()) -> Written:
        """The same as an artifact."""
        return named(self.raw(keep), self._source, "int8")


def _constants_of(model: bytes) -> dict[str, Array]:
    """The bytes of a file's constants, by their names."""
    tree = _tree(model)
    held = {tensor.name.decode(): tree.buffers[tensor.buffer].data
            for tensor in tree.subgraphs[0].tensors}  # fmt: skip
    return {name: data for name, data in held.items() if data is not None}


def _with_constants(model: bytes, results: Collection[str], held: Mapping[str, Array]) -> bytes:
    """A file whose operators of these results have other constants, as large as their own."""
    tree = _tree(model)
    tensors = tree.subgraphs[0].tensors
    for operator in tree.subgraphs[0].operators:
        if {tensors[i].name.decode() for i in operator.outputs} & set(results):
            for tensor in (tensors[i] for i in operator.inputs if i >= 0):
                buffer, own = tree.buffers[tensor.buffer], held.get(tensor.name.decode())
                if own is not None and buffer.data is not None and len(buffer.data) == len(own):
                    buffer.data = own
    return tflite_file.packed(tree)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """What TensorFlow tells of its own interpreter is for TensorFlow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def results_of(model: bytes) -> list[str]:
    """The names of what the operators of a file give, in their order."""
    graph = _tree(model).subgraphs[0]
    return [graph.tensors[i].name.decode() for op in graph.operators for i in op.outputs]


def _inputs_of(model: bytes) -> list[str]:
    """The names of a file's inputs."""
    graph = _tree(model).subgraphs[0]
    return [graph.tensors[i].name.decode() for i in graph.inputs]


def outputs_of(model: bytes) -> list[str]:
    """The names of a file's outputs."""
    graph = _tree(model).subgraphs[0]
    return [graph.tensors[i].name.decode() for i in graph.outputs]


def with_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """A file that gives inner tensors besides its outputs."""
    tree = _tree(model)
    graph = tree.subgraphs[0]
    places = {tensor.name.decode(): number for number, tensor in enumerate(graph.tensors)}
    graph.outputs = np.array([*graph.outputs, *(places[name] for name in names)], np.int32)
    return tflite_file.packed(tree)


def _tree(model: bytes) -> tflite_file.Tree:
    return require("ai_edge_litert.schema_py_generated").ModelT.InitFromPackedBuf(model, 0)


def named(model: bytes, source: Function, precision: Precision) -> Written:
    """The file with the tensors called as the function has them, and what it takes and gives."""
    schema = require("ai_edge_litert.schema_py_generated")
    tree = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = tree.subgraphs[0]
    places = list(zip(graph.inputs, (i.name for i in source.inputs), strict=True))
    places += zip(graph.outputs, (i.name for i in source.outputs), strict=True)
    for index, name in places:
        graph.tensors[index].name = name.encode()
    for number, tensor in enumerate(graph.tensors):
        if number not in {index for index, _ in places}:
            tensor.name = f"t{number}".encode()  # long names are a tenth of a small file
    tree.signatureDefs = []  # it has the names of before, and no board asks for it
    try:
        infos = [_info(graph.tensors[i]) for i, _ in places]
    except ValueError as exc:
        raise ConversionError(f"TFLite: {exc}") from exc
    taken, given = infos[: len(graph.inputs)], infos[len(graph.inputs) :]
    return formats.whole("tflite", precision, (tflite_file.packed(tree),), taken, given)


def _info(tensor: tflite_file.Tensor) -> TensorInfo:
    dtype: Any = tflite_file.type_of(tensor)
    shape = tuple(int(d) for d in tensor.shape)
    return TensorInfo(tensor.name.decode(), shape, dtype, tflite_file.quantization_of(tensor))
