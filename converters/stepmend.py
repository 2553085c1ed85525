"""Step models to be mended: their layers, and how far each is from what it should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artifact import OPEN, Format, Precision

from .formats import Written
from .mend import LayerError, Subject, away
from .step.convert import Steps, seen
from .step.graph import StepGraph
from .step.reference import Reference
from .verdicts import Verdict

Values = NDArray[np.float32]

# Steps of a stream on which layers are compared.
STEPS = 400


def subject_of(
    steps: Steps, format: Format, precision: Precision, features: NDArray[Any],
    judge: Callable[[Written], Verdict],
) -> Subject:  # fmt: skip
    """One artifact of a step model.

    Args:
        steps: with recordings to calibrate on.
        features: (frames, channels) of one stream to compare on; a few hundred steps.
        judge: the gate.
    """
    reference = Reference(steps.graph).sequence(features[None])[0]

    def distance(written: Written) -> float:
        session = backend.load(format, written.artifact, written.files)
        found = backend.answers(session, features)[:, : reference.shape[-1]]
        return away(found, reference)

    return Subject(
        precision, layers_of(steps.graph),
        lambda kept: steps.write(format, precision, keep_float=kept), distance, judge,
        lambda: errors_of(steps, format, precision, features),
    )  # fmt: skip


def layers_of(graph: StepGraph) -> tuple[str, ...]:
    """Layers that compute in integers where they may, in the order of the net."""
    weighted = {op.layer for op in graph.ops if op.weighted}
    every = dict.fromkeys(op.layer for op in graph.ops)
    return tuple(name for name in every if name in weighted - set(graph.float_layers))


def errors_of(
    steps: Steps, format: Format, precision: Precision, features: NDArray[Any]
) -> tuple[LayerError, ...]:
    """How far each layer of an artifact is from the float network, as a stream goes through both.

    The artifact is written once more with every layer's end among its outputs; its scales are
    those that it has without.
    """
    ends = _ends(steps.graph)
    written = steps.write(format, precision, probes=tuple(ends.values()))
    wanted = _watched(Reference(steps.graph), features, list(ends.values()))
    session = backend.load(format, written.artifact, written.files)
    found = _asked(session, features, list(ends.values()))
    return tuple(LayerError(layer, away(found[end], wanted[end])) for layer, end in ends.items())


def _ends(graph: StepGraph) -> dict[str, str]:
    """The last tensor of each layer, in the order of the model; what is open has no place here."""
    known = {tensor for _, tensor in graph.outputs}
    last = {op.layer: op.output for op in graph.ops if OPEN not in graph.shapes[op.output]}
    return {layer: tensor for layer, tensor in last.items() if tensor not in known}


def _watched(
    reference: Reference, features: NDArray[Any], names: Sequence[str]
) -> Mapping[str, Values]:
    found: dict[str, list[Values]] = {name: [] for name in names}

    def watch(name: str, value: Values) -> None:
        if name in found:
            found[name].append(value[0].copy())

    reference.sequence(features[None], watch)
    return {name: np.concatenate(values) for name, values in found.items()}


def _asked(
    session: backend.Session, features: NDArray[Any], names: Sequence[str]
) -> Mapping[str, Values]:
    (source,) = session.artifact.inputs
    frames = source.shape[1]
    found: dict[str, list[Values]] = {name: [] for name in names}
    session.reset()
    for start in range(0, len(features) - frames + 1, frames):
        answer = session.run({source.name: features[None, start : start + frames]})
        for name in names:
            found[name].append(answer[seen(name)][0])
    return {name: np.concatenate(values) for name, values in found.items()}
