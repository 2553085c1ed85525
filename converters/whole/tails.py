"""Outputs that integers of one scale would lose a part of: several ranges, or much level.

Where boxes in pixels stand beside scores, the operators behind the last products stay float: they
move and scale numbers, and take next to no time. Each product before them has a scale of its own.
Where one product gives both, it stays float as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgenets import backend
from edgenets.arrays import Array
from edgenets.errors import EdgenetsError

from ..formats import Written
from ..sources.tflite_file import operator_name
from ..verify.outputs import Output, fit_of
from .onnxnames import MOVING, PRODUCTS
from .samples import Samples, one_by_one

if TYPE_CHECKING:
    from onnx import ModelProto

# What is computed with weights, in TFLite.
_TFLITE_PRODUCTS = (
    "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "FULLY_CONNECTED", "BATCH_MATMUL",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
)  # fmt: skip

# The part of each range that integers have to explain, and the part of its level that a channel
# counts as varying by: next to none, for what is tried here is to keep what varies little.
_HELD, _LEAST = 0.95, 1e-3


@dataclass(frozen=True)
class Mixed:
    """Outputs of several ranges, and a few items to see them by."""

    samples: Samples
    # Each with its place among the model's outputs and what the model gives, (items, …).
    outputs: tuple[tuple[int, Output, Array], ...]

    @property
    def places(self) -> tuple[int, ...]:
        """Which of the model's outputs they are."""
        return tuple(place for place, _, _ in self.outputs)

    def held_by(self, written: Written) -> bool:
        """Whether an artifact keeps every range."""
        artifact = written.artifact
        names = [info.name for info in artifact.inputs]
        try:
            session = backend.load(backend.backend_of(artifact), artifact, written.files)
            found = one_by_one(session.run, dict(zip(names, self.samples.values(), strict=True)))
        except EdgenetsError:  # what opens every artifact says so
            return True
        for place, output, wanted in self.outputs:
            values = np.nan_to_num(found[artifact.outputs[place].name])
            if fit_of(output, values, wanted, _LEAST) < _HELD:
                return False
        return True


def kept_apart(mixed: Mixed, make: Callable[[bool], Written]) -> Written:
    """An artifact whose outputs keep their ranges.

    Args:
        make: writes it with the ends of these outputs in float; with the last products, too, or
            without.
    """
    written = make(False)
    if not mixed.held_by(written):
        written = make(True)
    names = ", ".join(f"'{output.name}'" for _, output, _ in mixed.outputs)
    said = f"the last operators of {names} stay float, for integers of one scale would lose a part"
    note = "; ".join(filter(None, (written.artifact.note, said)))
    return replace(written, artifact=replace(written.artifact, note=note))


def onnx_tail(model: ModelProto, places: Collection[int], products: bool) -> list[str]:
    """Names of the nodes at the ends of some outputs.

    Args:
        products: whether the last products are among them.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    outputs = [value.name for value in model.graph.output]

    def inputs(node: Any) -> list[str]:
        return list(node.input)

    found = _behind(
        [outputs[i] for i in places], makers, inputs, lambda n: n.op_type in PRODUCTS, products
    )
    return [node.name for node in found if node.op_type not in MOVING]


def tflite_tail(tree: Any, places: Collection[int], products: bool) -> list[str]:
    """Names of the results of the operators at the ends of some outputs, likewise."""
    graph = tree.subgraphs[0]
    makers = {int(place): op for op in graph.operators for place in op.outputs}
    starts = [int(graph.outputs[i]) for i in places]

    def inputs(op: Any) -> list[int]:
        return [int(i) for i in op.inputs if i >= 0]

    def is_product(op: Any) -> bool:
        return operator_name(tree, op)[0] in _TFLITE_PRODUCTS

    found = _behind(starts, makers, inputs, is_product, products)
    return [graph.tensors[i].name.decode() for op in found for i in op.outputs]


def float_outputs(tree: Any, places: Collection[int]) -> None:
    """Leave out the rounding of outputs of a TFLite file that are computed in float."""
    graph = tree.subgraphs[0]
    outputs = [int(tensor) for tensor in graph.outputs]
    for place in places:
        (maker,) = [op for op in graph.operators if outputs[place] in op.outputs]
        if operator_name(tree, maker)[0] == "QUANTIZE":
            outputs[place] = int(maker.inputs[0])
            graph.operators.remove(maker)
    graph.outputs = np.array(outputs, np.int32)


def _behind(
    starts: list[Any], makers: Any, inputs: Callable[[Any], list[Any]],
    is_product: Callable[[Any], bool], products: bool,
) -> list[Any]:  # fmt: skip
    """Operators from outputs back to the last products."""
    waiting, seen, found = list(starts), set[Any](), list[Any]()
    while waiting:
        tensor = waiting.pop()
        if tensor in seen or tensor not in makers:
            continue
        seen.add(tensor)
        operator = makers[tensor]
        last = is_product(operator)
        if (not last or products) and operator not in found:
            found.append(operator)
        if not last:
            waiting += inputs(operator)
    return found
