"""What a step holds while it runs: weights, states, and tensors that are alive at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgenets.artifact import Artifact

from ..step.graph import StepGraph
from ..step.liveness import Turn, peak

if TYPE_CHECKING:
    from keras import Model


@dataclass(frozen=True)
class StepMemory:
    """Values and bytes of one stream."""

    live: int  # values of the tensors that are alive at once, at most, states among them
    states: int  # values that are carried from step to step


def step_memory(graph: StepGraph) -> StepMemory:
    """Count what is alive between the operations of a step.

    States that come in and states that go out are both there throughout.
    """
    sizes = {name: abs(a * b) for name, (a, b) in graph.shapes.items()}
    turns = [Turn(op.inputs, (op.output,)) for op in graph.ops]
    most, _ = peak(turns, sizes, graph.sources, (*graph.results, *graph.sources))
    return StepMemory(most, sum(sizes[state.input] for state in graph.states))


def state_bytes(artifact: Artifact) -> int:
    """Bytes that one stream keeps between two steps."""
    infos = [link.input for link in artifact.states]
    return sum(info.elements * np.dtype(info.dtype).itemsize for info in infos)


def by_kind(model: Model) -> dict[str, int]:
    """A Keras model's parameters by the kind of the layer, the most first."""
    found: Counter[str] = Counter()
    for layer in model.layers:
        if layer.count_params():
            found[type(layer).__name__] += layer.count_params()
    return dict(found.most_common())
