"""A Keras model as a flat list of layer calls, in an order in which they can run.

Read from `get_config()`, which is what a `.keras` file stores, so nothing here
leans on how Keras keeps its graph in memory. Nested models are unfolded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgenets.errors import ConversionError
from edgenets.files import Json

if TYPE_CHECKING:
    import keras
    from keras import Layer


# Name of the model's input; no layer can be called so, as Keras allows no slash.
_INPUT = "/input"


@dataclass(frozen=True)
class Call:
    """One use of one layer."""

    layer: Layer  # or a keras.ops operation that stands between layers, as in `x + y`
    inputs: tuple[str, ...]  # names of the tensors that it takes
    output: str  # name of the tensor that it gives


@dataclass(frozen=True)
class Given:
    """An input beside the sequence: a tensor that is given once for all of it."""

    name: str
    shape: tuple[int | None, ...]  # (batch, rows, channels), or (batch, units) of a state


@dataclass(frozen=True)
class Topology:
    """A model with one sequence as its input, and what goes with it."""

    calls: tuple[Call, ...]
    input: str
    input_shape: tuple[int | None, ...]  # (batch, frames, channels)
    outputs: tuple[tuple[str, str], ...]  # what each is called, and its tensor
    given: tuple[Given, ...] = ()


def read(model: keras.Model) -> Topology:
    """The calls of a Sequential or functional model.

    Raises:
        ConversionError: it is a subclassed model, or was never built.
    """
    if not _is_sequential(model) and not _is_functional(model):
        raise ConversionError(
            f"model '{model.name}' is a subclassed {type(model).__name__}: its layers cannot be "
            f"walked. Build it as a Sequential or functional model"
        )
    if not model.built or not hasattr(model, "inputs"):
        raise ConversionError(
            f"model '{model.name}' was never built, so it has no weights; begin it with "
            f"Input((None, channels))"
        )
    calls: list[Call] = []
    first, *others = model.inputs
    given = tuple(Given(tensor.name, tuple(tensor.shape)) for tensor in others)
    tensors = _unfold(model, [_INPUT, *(g.name for g in given)], "", calls)
    names = list(model.output_names) if len(tensors) > 1 else ["logits"]
    outputs = tuple(zip(names, tensors, strict=True))
    return Topology(tuple(calls), _INPUT, tuple(first.shape), outputs, given)


def _unfold(model: keras.Model, inputs: list[str], prefix: str, calls: list[Call]) -> list[str]:
    """Append a model's calls; give the names of its output tensors."""
    if _is_sequential(model):
        tensor = inputs[0]
        for layer in model.layers:
            tensor = _append(layer, [tensor], f"{prefix}{layer.name}", calls)
        return [tensor]
    config = model.get_config()
    tensors: dict[tuple[str, int, int], str] = {}
    for entry, name in zip(_references(config["input_layers"]), inputs, strict=True):
        tensors[entry] = name
    layers = {layer.name: layer for layer in model.operations}
    for name, node, feeds in _in_order(config, tensors, model.name):
        layer = layers[name]
        # No layer can be called so: Keras allows no slash.
        unique = f"{prefix}{name}" + (f"/call_{node}" if node else "")
        tensors[(name, node, 0)] = _append(layer, [tensors[f] for f in feeds], unique, calls)
    found = []
    for last, node, number in _references(config["output_layers"]):
        if _is_functional(layers[last]):
            node -= 1  # there Keras counts the nested model's own graph as its first use
        if (last, node, number) not in tensors:
            raise ConversionError(
                f"layer '{last}' gives its states besides (return_state), and the states of a step "
                f"stay inside; leave them out, or give a size, for a form of the whole sequence"
            )
        found.append(tensors[(last, node, number)])
    return found


def _append(layer: Layer, inputs: list[str], unique: str, calls: list[Call]) -> str:
    if _is_sequential(layer) or _is_functional(layer):
        tensor, *others = _unfold(layer, inputs, f"{unique}/", calls)
        if others:
            raise ConversionError(
                f"the nested model '{unique}' has several outputs, which has no step form; give "
                f"one, or put its layers into the model itself"
            )
        return tensor
    if type(layer).__name__ == "InputLayer":
        return inputs[0]
    calls.append(Call(layer, tuple(inputs), unique))
    return unique


def _in_order(
    config: Json, known: dict[tuple[str, int, int], str], model: str
) -> Iterator[tuple[str, int, list[tuple[str, int, int]]]]:
    """(layer, node, tensors taken), each after all that it takes."""
    waiting = []
    for entry in config["layers"]:
        for number, node in enumerate(entry["inbound_nodes"]):
            _check_arguments(entry, node)
            waiting.append((entry["name"], number, list(_tensors(node))))
    while waiting:
        ready = [w for w in waiting if all(t in known for t in w[2])]
        if not ready:
            raise ConversionError(f"model '{model}': its graph has a cycle at {waiting[0][0]}")
        yield from ready
        waiting = [w for w in waiting if w not in ready]


# Arguments of calls that say what the walk sees anyway: a table is read backwards where what it
# is given are no tokens.
_SEEN = {("ReversibleEmbedding", "reverse")}


def _check_arguments(entry: Json, node: Json) -> None:
    """Refuse arguments of a call that would change what it computes."""
    name = entry["name"]
    for argument, value in node["kwargs"].items():
        if value is None or value is False or any(True for _ in _tensors(value)):
            continue
        if (entry["class_name"], argument) in _SEEN:
            continue
        raise ConversionError(
            f"layer '{name}' is called with {argument}={value!r}, which has no step form; "
            f"call it without"
        )


def _references(entry: Any) -> Iterator[tuple[str, int, int]]:
    """`input_layers` and `output_layers` hold one triple, or a list of them, or names for them, by
    which Keras sorts its inputs and outputs."""
    if isinstance(entry, dict):
        entry = [entry[name] for name in sorted(entry)]
    if entry and isinstance(entry[0], str):
        entry = [entry]
    for name, node, tensor in entry:
        yield name, int(node), int(tensor)


def _tensors(value: Any) -> Iterator[tuple[str, int, int]]:
    """Every Keras tensor mentioned anywhere in a node's arguments."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            name, node, tensor = value["config"]["keras_history"]
            yield name, int(node), int(tensor)
            return
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def _is_sequential(layer: Layer) -> bool:
    return type(layer).__name__ == "Sequential"


def _is_functional(layer: Layer) -> bool:
    return (type(layer).__name__ in ("Functional", "Model") and hasattr(layer, "_functional")) or (
        type(layer).__name__ == "Functional"
    )
