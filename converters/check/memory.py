"""How much memory the tensors of a graph need at once."""

from __future__ import annotations

from .operators import Graph


def peak(graph: Graph) -> tuple[int, str]:
    """The most that is alive at once, as operators follow one another.

    What is alive is what an operator takes or gives, and what a later one will take. An arena
    leaves gaps besides, so that an interpreter may need somewhat more.

    Returns:
        bytes, without weights, and the name of the operator at which it is so much.
    """
    last = {t.number: len(graph.operators) for t in graph.outputs}
    for operator in reversed(graph.operators):
        for tensor in operator.inputs:
            last.setdefault(tensor.number, operator.place)
    alive = {t.number: t.size for t in graph.inputs}
    most, where = sum(alive.values()), "its input"
    for operator in graph.operators:
        for tensor in operator.outputs:
            alive[tensor.number] = tensor.size
        now = sum(alive.values())
        if now > most:
            most, where = now, f"{operator.name} ({operator.place})"
        for number in [n for n in alive if last.get(n, -1) <= operator.place]:
            del alive[number]
    return most, where
