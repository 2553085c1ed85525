"""How much memory the tensors of a graph need at once."""

from __future__ import annotations

from ..step.liveness import Turn
from ..step.liveness import peak as most_alive
from .operators import Graph


def peak(graph: Graph) -> tuple[int, str]:
    """The most that is alive at once, as operators follow one another.

    An arena leaves gaps besides, so that an interpreter may need somewhat more.

    Returns:
        bytes, without weights, and the name of the operator at which it is so much.
    """
    made = [t for operator in graph.operators for t in operator.outputs]
    turns = [
        Turn([t.number for t in o.inputs], [t.number for t in o.outputs]) for o in graph.operators
    ]
    most, place = most_alive(
        turns,
        {t.number: t.size for t in (*graph.inputs, *made)},
        [t.number for t in graph.inputs],
        [t.number for t in graph.outputs],
    )
    return most, "its input" if place < 0 else f"{graph.operators[place].name} ({place})"
