"""A Keras model as a TensorFlow function of one picture, its weights made constants.

`tf.saved_model.save` of a Keras 3 model can write a graph without weights, and
what comes of it answers NaN without complaint. Constants cannot be lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgenets.extras import require


@dataclass(frozen=True)
class Frozen:
    """What converters are given."""

    function: Any  # a concrete function without variables
    input: str  # name of the input, of shape `shape`
    outputs: tuple[str, ...]  # names, in the function's order
    shape: tuple[int, ...]  # of the input: one picture, float32
    output_shapes: tuple[tuple[int, ...], ...]


def freeze(model: Any, outputs: tuple[str, ...]) -> Frozen:
    """Trace a model for a single picture.

    Args:
        model: a Keras model of one input.
        outputs: what its outputs are called.
    """
    tf = require("tensorflow")
    convert = require("tensorflow.python.framework.convert_to_constants")
    (source,) = model.inputs
    shape = (1, *source.shape[1:])
    call: Any = tf.function(lambda x: model(x, training=False))
    traced = call.get_concrete_function(tf.TensorSpec(shape, tf.float32, name=source.name))
    function = convert.convert_variables_to_constants_v2(traced)
    shapes = tuple(tuple(int(d) for d in t.shape) for t in function.outputs)
    return Frozen(function, source.name, outputs, shape, shapes)
