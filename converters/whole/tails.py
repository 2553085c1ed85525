"""Outputs that integers of one scale would lose a part of: several ranges, or much level.

Where boxes in pixels stand beside scores, the operators behind the last products stay float: they
move and scale numbers, and take next to no time. Each product before them has a scale of its own.
Where one product gives both, it stays float as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from edgenets import backend
from edgenets.arrays import Array
from edgenets.errors import EdgenetsError

from ..formats import Written, noted
from ..sources import tflite_file
from ..sources.tflite_file import Tree
from ..verify.outputs import Output, fit_of
from .onnxnames import MOVING, PRODUCTS
from .samples import Samples, one_by_one

if TYPE_CHECKING:
    from onnx import ModelProto

_Tensor = TypeVar("_Tensor", str, int)

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
            samples = dict(zip(names, self.samples.values(), strict=True))
            found = one_by_one(session.run, samples, artifact.inputs)
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
    return noted(
        written,
        f"the last operators of {names} stay float, for integers of one scale would lose a part",
    )


def onnx_tail(model: ModelProto, places: Collection[int], products: bool) -> list[str]:
    """Names of the nodes at the ends of some outputs.

    Args:
        products: whether the last products are among them.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    outputs = [value.name for value in model.graph.output]
    before = {name: list(node.input) for name, node in makers.items()}
    ends = {name for name, node in makers.items() if node.op_type in PRODUCTS}
    found = _behind([outputs[i] for i in places], before, ends, products)
    names = [makers[name].name for name in found if makers[name].op_type not in MOVING]
    return list(dict.fromkeys(names))


def tflite_tail(tree: Tree, places: Collection[int], products: bool) -> list[str]:
    """Names of the results of the operators at the ends of some outputs, likewise."""
    graph = tree.subgraphs[0]
    makers = {int(place): op for op in graph.operators for place in op.outputs}
    before = {place: [int(i) for i in op.inputs if i >= 0] for place, op in makers.items()}
    ends = {
        p
        for p, op in makers.items()
        if tflite_file.operator_name(tree, op)[0] in tflite_file.PRODUCTS
    }
    found = _behind([int(graph.outputs[i]) for i in places], before, ends, products)
    results = dict.fromkeys(int(i) for place in found for i in makers[place].outputs)
    return [graph.tensors[i].name.decode() for i in results]


def float_outputs(tree: Tree, places: Collection[int]) -> None:
    """Leave out the rounding of outputs of a TFLite file that are computed in float."""
    graph = tree.subgraphs[0]
    outputs = [int(tensor) for tensor in graph.outputs]
    for place in places:
        (maker,) = [op for op in graph.operators if outputs[place] in op.outputs]
        if tflite_file.operator_name(tree, maker)[0] == "QUANTIZE":
            outputs[place] = int(maker.inputs[0])
            graph.operators.remove(maker)
    graph.outputs = np.array(outputs, np.int32)


def _behind(
    starts: Sequence[_Tensor],
    before: Mapping[_Tensor, Sequence[_Tensor]],
    ends: Collection[_Tensor],
    included: bool,
) -> list[_Tensor]:
    """Tensors that are computed between the last products and some outputs.

    Args:
        before: what each is computed from; of inputs and constants nothing.
        ends: results of products.
        included: whether the last products' own are among them.
    """
    waiting, found = list(starts), list[_Tensor]()
    while waiting:
        tensor = waiting.pop()
        if tensor in found or tensor not in before or (tensor in ends and not included):
            continue
        found.append(tensor)
        if tensor not in ends:
            waiting += before[tensor]
    return found
