"""Whole forms to be mended: their layers, and how far each is from what it should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from edgenets import backend

from ..formats import Written
from ..mend import LayerError, Subject, away
from ..verdicts import Verdict
from .integers import Integers, seen
from .samples import Samples, one_by_one, spread

# Items on which sets of layers are compared; all of them are for the gate.
_FEW = 16

Values = Mapping[str, NDArray[Any]]


def subject_of(
    integers: Integers, items: Samples, wanted: Values, judge: Callable[[Written], Verdict]
) -> Subject:
    """One artifact in int8.

    Args:
        items: to compare on, as the model takes them.
        wanted: the model's answers to them, (items, …) by name.
        judge: the gate.
    """
    few, right = spread(items, _FEW), spread(wanted, _FEW)

    def distance(written: Written) -> float:
        found = _answers(written, few)
        return max(away(found[name], value) for name, value in right.items())

    return Subject(
        "int8", integers.layers, lambda kept: integers.write(kept), distance, judge,
        lambda: errors_of(integers, few),
    )  # fmt: skip


def errors_of(integers: Integers, items: Samples) -> tuple[LayerError, ...]:
    """How far each layer of an artifact is from the float form's, for the same items."""
    plain, rounded = integers.probed()
    wanted, found = _answers(plain, items), _answers(rounded, items)
    return tuple(
        LayerError(layer, away(found[seen(layer)], wanted[seen(layer)]))
        for layer in integers.layers
        if seen(layer) in wanted and seen(layer) in found
    )


def _answers(written: Written, items: Samples) -> Values:
    artifact = written.artifact
    session = backend.load(backend.backend_of(artifact), artifact, written.files)
    names = [info.name for info in artifact.inputs]
    return one_by_one(session.run, dict(zip(names, items.values(), strict=True)))
