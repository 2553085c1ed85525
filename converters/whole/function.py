"""A model as a TensorFlow function of one item, its weights made constants.

`tf.saved_model.save` of a Keras 3 model can write a graph without weights, and
what comes of it answers NaN without complaint. Constants cannot be lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from edgenets.artefact import OPEN, TensorInfo
from edgenets.errors import ConversionError
from edgenets.extras import require

# What Keras calls an input that nobody named: by how many tensors there were before.
_UNNAMED = re.compile(r"keras_tensor(_\d+)?")

# Shapes that a user wishes for, by the name of an input.
Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Function:
    """What converters are given."""

    function: Any  # a concrete function without variables
    inputs: tuple[TensorInfo, ...]  # of one item, in the function's order
    outputs: tuple[TensorInfo, ...]  # the same
    recurrent: bool = False  # whether it has the same weights in step after step


def freeze(model: Any, outputs: Sequence[str] = (), shapes: Shapes | None = None) -> Function:
    """Trace a Keras model for a single item.

    Recurrent layers are unrolled: a loop is what converters fail on, or write as operators that no
    board has.

    Args:
        model: a Keras model.
        outputs: what its outputs are called; nothing: as Keras calls them.
        shapes: of one item each, for inputs that are open in more than their batch.

    Raises:
        ConversionError: an input is open where no shape was given, or the given one does not fit.
    """
    tf = require("tensorflow")
    names = input_names(model)
    sources = [
        TensorInfo(name, fixed(name, (1, *tensor.shape[1:]), shapes), tensor.dtype)
        for name, tensor in zip(names, model.inputs, strict=True)
    ]
    signature = [tf.TensorSpec(i.shape, i.dtype, name=i.name) for i in sources]

    def call(*values: Any) -> Any:
        given: Any = values[0]
        if len(values) > 1:  # as its maker gave them, side by side or by name
            given = tf.nest.pack_sequence_as(model.input, values)
        return tf.nest.flatten(model(given, training=False))

    with _unrolled(model) as recurrent:
        traced = tf.function(call, autograph=False).get_concrete_function(*signature)
    return frozen(traced, sources, outputs or output_names(model), recurrent)


def input_names(model: Any) -> list[str]:
    """What a Keras model's inputs are called: as its maker did, where he did."""
    many = len(model.inputs) > 1
    return [
        (f"input_{number}" if many else "input") if _UNNAMED.fullmatch(tensor.name) else tensor.name
        for number, tensor in enumerate(model.inputs, 1)
    ]


def output_names(model: Any) -> list[str]:
    """What Keras calls the outputs, and each otherwise than all else."""
    names: list[str] = []
    known = set(input_names(model))
    own = getattr(model, "output_names", None) or [model.layers[-1].name] * len(model.outputs)
    for name in own:
        same = sum(name in (n, n.rpartition("_")[0]) for n in [*names, *known])
        names.append(f"{name}_{same}" if same else name)
    return names


def frozen(
    traced: Any, sources: Sequence[TensorInfo], outputs: Sequence[str], recurrent: bool = False
) -> Function:
    """A traced function without its variables.

    Args:
        traced: a concrete function of these inputs.
        outputs: what its outputs are called, in its order.
        recurrent: see `Function`.
    """
    convert = require("tensorflow.python.framework.convert_to_constants")
    function = convert.convert_variables_to_constants_v2(traced)
    results = [
        TensorInfo(name, tuple(int(d) for d in tensor.shape), tensor.dtype.name)
        for name, tensor in zip(outputs, function.outputs, strict=True)
    ]
    return Function(function, tuple(sources), tuple(results), recurrent)


def fixed(name: str, shape: Sequence[int | None], shapes: Shapes | None) -> tuple[int, ...]:
    """The shape of one item of an input.

    Args:
        shape: as the model has it, its batch included; None or `OPEN` where it is open.
        shapes: wishes, without the batch.

    Raises:
        ConversionError: it is open and there is no wish, or the wish does not fit.
    """
    own = tuple(OPEN if d is None else int(d) for d in shape)
    wish = (shapes or {}).get(name)
    if wish is None:
        if OPEN in own[1:]:
            told = ",".join("N" if d == OPEN else str(d) for d in own[1:])
            raise ConversionError(
                f"input '{name}' has no fixed size ({told}); say which: --shape {name}={told} "
                f"with a number for each N"
            )
        return own
    wanted = (1, *wish)
    if len(wanted) != len(own) or any(a not in (b, OPEN) for a, b in zip(own, wanted, strict=True)):
        told = ",".join("N" if d == OPEN else str(d) for d in own[1:])
        raise ConversionError(
            f"input '{name}' cannot be {','.join(map(str, wish))}; it is {told}, where N is any "
            f"number"
        )
    return wanted


@contextmanager
def _unrolled(model: Any) -> Iterator[bool]:
    """Recurrent layers without their loops, for as long as this lasts; gives whether there are."""
    layers = [layer for layer in _within(model) if hasattr(layer, "unroll")]
    before = [layer.unroll for layer in layers]
    for layer in layers:
        layer.unroll = True
    try:
        yield bool(layers)
    finally:
        for layer, was in zip(layers, before, strict=True):
            layer.unroll = was


def _within(layer: Any) -> Iterator[Any]:
    """A layer and all that it is made of, models in models and wrapped layers."""
    yield layer
    parts = list(getattr(layer, "layers", ()))
    parts += [
        getattr(layer, name)
        for name in ("layer", "forward_layer", "backward_layer")
        if hasattr(layer, name)
    ]
    for part in parts:
        yield from _within(part)
