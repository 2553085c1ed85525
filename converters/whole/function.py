"""A model as a TensorFlow function of one item, its weights made constants.

`tf.saved_model.save` of a Keras 3 model can write a graph without weights, and
what comes of it answers NaN without complaint. Constants cannot be lost.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from edgenets.artifact import OPEN, TensorInfo
from edgenets.errors import ConversionError, first_line
from edgenets.extras import require

from .tracing import traceable

if TYPE_CHECKING:
    from keras import Layer, Model
    from tensorflow.types.experimental import ConcreteFunction

# What Keras calls an input that nobody named: by how many tensors there were before.
_UNNAMED = re.compile(r"keras_tensor(_\d+)?")

_COLORS = re.compile("\x1b\\[[0-9;]*m")

# Shapes that a user requests, by the name of an input.
Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Function:
    """What converters are given."""

    function: ConcreteFunction  # without variables
    inputs: tuple[TensorInfo, ...]  # of one item, in the function's order
    outputs: tuple[TensorInfo, ...]  # the same
    # Whether ranges of integers stand in it (fake quantization).
    has_ranges: bool = False
    # Layers by the scope that their operations stand in, in the order of the network.
    scopes: Mapping[str, str] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[str, ...]:
        """Their names, in the order of the network."""
        return tuple(dict.fromkeys(self.scopes.values()))

    def layers_of(self, name: str) -> tuple[str, ...]:
        """The layers that an operation comes from, in the order of the network.

        Args:
            name: of an operation; of one that several became, their names with semicolons between.
        """
        found = {self._layer_of(part) for part in name.split(";")}
        return tuple(layer for layer in self.layers if layer in found)

    def _layer_of(self, name: str) -> str:
        """Of scopes within scopes, the innermost that is a layer's."""
        while name:
            if name in self.scopes:
                return self.scopes[name]
            name = name.rpartition("/")[0]
        return ""


def freeze(model: Model, outputs: Sequence[str] = (), shapes: Shapes | None = None) -> Function:
    """Trace a Keras model for a single item.

    Recurrent layers are unrolled: a loop is what converters fail on, or write as operators that no
    board has.

    Args:
        model: a Keras model.
        outputs: what its outputs are called; nothing: as Keras calls them.
        shapes: of one item each, for inputs that are open in more than their batch.

    Raises:
        ConversionError: an input is open where no shape was given, or the given one does not fit;
            or a layer cannot be called.
    """
    tf = require("tensorflow")
    sources = [fixed(info, shapes) for info in inputs_of(model)]
    signature = [tf.TensorSpec(i.shape, i.dtype, name=i.name) for i in sources]

    def call(*values: Any) -> Any:
        given: Any = values[0]
        if len(values) > 1:  # as its maker gave them, side by side or by name
            given = tf.nest.pack_sequence_as(model.input, values)
        return tf.nest.flatten(model(given, training=False))

    with traceable(model), _watched(model) as scopes:
        try:
            traced = tf.function(call, autograph=False).get_concrete_function(*signature)
        except Exception as exc:  # what its layers raise
            raise ConversionError(f"Keras itself cannot call the model: {_said(exc)}") from exc
    made = frozen(traced, sources, outputs or [info.name for info in outputs_of(model)])
    made = replace(made, scopes=scopes)
    # What a function gives has a name of its own, which converters give to what makes it.
    for result in made.function.outputs:
        operation = result.op
        while operation.type == "Identity" and not made.layers_of(operation.name):
            operation = operation.inputs[0].op
        if (layers := made.layers_of(operation.name)) != ():
            scopes[result.op.name] = layers[0]
    return made


def inputs_of(model: Model) -> tuple[TensorInfo, ...]:
    """A Keras model's inputs for one item, called as its maker did, where he did."""
    many = len(model.inputs) > 1
    return tuple(
        _info((f"input_{number}" if many else "input") if _UNNAMED.fullmatch(t.name) else t.name, t)
        for number, t in enumerate(model.inputs, 1)
    )


def outputs_of(model: Model) -> tuple[TensorInfo, ...]:
    """A Keras model's outputs, called as Keras does, and each otherwise than all else."""
    names: list[str] = []
    known = {info.name for info in inputs_of(model)}
    own = getattr(model, "output_names", None) or [model.layers[-1].name] * len(model.outputs)
    for name in own:
        same = sum(name in (n, n.rpartition("_")[0]) for n in [*names, *known])
        names.append(f"{name}_{same}" if same else name)
    return tuple(map(_info, names, model.outputs))


def _info(name: str, tensor: Any) -> TensorInfo:
    shape = (1, *(OPEN if d is None else int(d) for d in tensor.shape[1:]))
    try:
        return TensorInfo(name, shape, tensor.dtype)
    except ValueError as exc:
        raise ConversionError(str(exc)) from exc


def frozen(
    traced: ConcreteFunction, sources: Sequence[TensorInfo], outputs: Sequence[str]
) -> Function:
    """A traced function without its variables.

    Args:
        traced: a concrete function of these inputs.
        outputs: what its outputs are called, in its order.
    """
    convert = require("tensorflow.python.framework.convert_to_constants")
    function = convert.convert_variables_to_constants_v2(traced)
    try:
        results = [
            TensorInfo(name, tuple(int(d) for d in tensor.shape), tensor.dtype.name)
            for name, tensor in zip(outputs, function.outputs, strict=True)
        ]
    except (ValueError, TypeError) as exc:  # TypeError: of a shape that its values decide
        raise ConversionError(
            f"what it gives has no shape that is fixed: {first_line(exc)}"
        ) from exc
    return Function(function, tuple(sources), tuple(results))


def fixed(info: TensorInfo, shapes: Shapes | None) -> TensorInfo:
    """An input of one item, of a fixed size.

    Args:
        info: as the model has it; `OPEN` where it is.
        shapes: sizes by name, without the batch.

    Raises:
        ConversionError: it is open and there is no wanted_shape, or the wanted_shape does not fit.
    """
    name, own = info.name, info.item
    wanted_shape = (shapes or {}).get(name)
    shown = ",".join("N" if d == OPEN else str(d) for d in own)
    if wanted_shape is None:
        if OPEN in own:
            raise ConversionError(
                f"input '{name}' has no fixed size ({shown}); say which: --shape {name}={shown} "
                f"with a number for each N"
            )
        return info
    wanted = (*info.shape[: len(info.shape) - len(own)], *wanted_shape)
    if not info.fits(wanted):
        raise ConversionError(
            f"input '{name}' cannot be {','.join(map(str, wanted_shape))}; it is {shown}"
            f"{', where N is any number' if 'N' in shown else ''}"
        )
    return replace(info, shape=wanted)


def _said(exc: Exception) -> str:
    """The first lines of what Keras says, without what draws on terminals."""
    lines = [_COLORS.sub("", line).strip() for line in str(exc).splitlines()]
    return " ".join(list(filter(None, lines))[:2]) or type(exc).__name__


@contextmanager
def _watched(model: Model) -> Iterator[dict[str, str]]:
    """The scopes in which layers are called, for as long as this lasts, with the layers' names.

    Scopes are numbered as they come, so that a layer's name does not tell its own.
    """
    tf = require("tensorflow")
    scopes: dict[str, str] = {}
    layers = list(_leaves(model))

    def watched(layer: Any) -> Any:
        plain = layer.call

        @functools.wraps(plain)
        def call(*values: Any, **options: Any) -> Any:
            scopes.setdefault(tf.get_current_name_scope(), layer.name)
            return plain(*values, **options)

        return call

    for layer in layers:
        object.__setattr__(layer, "call", watched(layer))  # Keras would track it as a part
    try:
        yield scopes
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _leaves(model: Model) -> Iterator[Layer]:
    """Layers that are no models of layers, each once."""
    keras, seen = require("keras"), set()
    for layer in model.layers:
        for leaf in _leaves(layer) if isinstance(layer, keras.Model) else (layer,):
            if id(leaf) not in seen:
                seen.add(id(leaf))
                yield leaf
