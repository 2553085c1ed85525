"""What makes the outputs of a Keras model, by its last layers and by what it was trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edgenets.extras import require

from .ends import End, Made, end_before

if TYPE_CHECKING:
    from keras import Model

# Losses, as Keras's files call them, and what an output is that was trained with one.
_LOSSES: dict[str, End] = {
    "categoricalcrossentropy": End("classes", "it was trained with a crossentropy of classes"),
    "meansquarederror": End("values", "it was trained with a loss of values"),
    "cosinesimilarity": End("embedding", "it was trained with a loss of directions"),
}
_OF_VALUES = [
    "mse",
    "mae",
    "msle",
    "mape",
    "meanabsoluteerror",
    "meansquaredlogarithmicerror",
    "meanabsolutepercentageerror",
    "huber",
    "logcosh",
    "poisson",
]
_SAME_LOSSES = {
    "sparsecategoricalcrossentropy": "categoricalcrossentropy",
    "categoricalfocalcrossentropy": "categoricalcrossentropy",
    **dict.fromkeys(_OF_VALUES, "meansquarederror"),
}


def ends_of(model: Model, names: Sequence[str], compiled: object = None) -> dict[str, End]:
    """What makes each output of a model.

    Args:
        names: of its outputs, in its order.
        compiled: the loss, or losses, as Keras's files hold them; None: those of the model itself.
    """
    losses = _losses(getattr(model, "loss", None) if compiled is None else compiled, names)
    found = {}
    for name, tensor in zip(names, model.outputs, strict=True):
        made = _end(tensor)
        found[name] = made if made.kind is not None else losses.get(name, End())
    return found


def _end(tensor: object) -> End:
    """What makes a tensor of Keras."""
    return end_before(tensor, _made)


def _made(tensor: object) -> Made[object] | None:
    if (history := getattr(tensor, "_keras_history", None)) is None:
        return None
    operation = history.operation
    while inner := getattr(operation, "layer", None):  # of a wrapper, such as TimeDistributed
        operation = inner
    if isinstance(operation, require("keras").Model):
        return Made("Identity", operation.outputs[history.tensor_index])
    kind, activation = type(operation).__name__, getattr(operation, "activation", None)
    name = kind if activation is None else getattr(activation, "__name__", kind)
    axis = getattr(operation, "axis", -1)
    given = operation._inbound_nodes[history.node_index].input_tensors if activation is None else []
    return Made(name, given[0] if given else None, axis if isinstance(axis, int) else None)


def _losses(given: object, names: Sequence[str]) -> dict[str, End]:
    """Ends by the losses of a model's training."""
    if isinstance(given, Mapping) and "class_name" not in given:
        each = {name: given.get(name) for name in names}
    elif isinstance(given, (list, tuple)):
        each = dict(zip(names, given, strict=False))
    else:
        each = {names[0]: given} if len(names) == 1 else {}
    return {name: _of_loss(loss) for name, loss in each.items() if loss is not None}


def _of_loss(loss: object) -> End:
    if isinstance(loss, Mapping):
        config = loss.get("config")
        loss = config if loss.get("class_name") == "function" else loss.get("class_name")
    elif not isinstance(loss, str):
        loss = getattr(loss, "__name__", type(loss).__name__)
    plain = str(loss).replace("_", "").lower()
    return _LOSSES.get(_SAME_LOSSES.get(plain, plain), End())
