"""What the mixed-precision search needs of each kind of artifact: its layers, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.arrays import Array
from edgenets.artifact import OPEN, Artifact, Format, Precision
from edgenets.errors import ConversionError

from ..formats import Written, seen
from ..routes.conversion import Conversion
from ..routes.converter import Job
from ..step.convert import Steps
from ..step.graph import StepGraph
from ..step.reference import Reference
from ..whole.function import Function
from ..whole.integers import Integers, OnnxIntegers, TFLiteIntegers
from ..whole.samples import Samples, one_by_one, spread
from .comparison import relative_rms_error
from .mixed_precision import LayerError, Subject
from .outputs import outputs_of
from .verdicts import Verdict

Values = NDArray[np.float32]

# Steps of a stream on which layers are compared.
STEPS = 400

# Items on which sets of layers are compared; all of them are for the gate.
_FEW = 16


def step_subject(
    steps: Steps,
    format: Format,
    precision: Precision,
    features: Array,
    judge: Callable[[Written], Verdict],
) -> Subject:
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
        return relative_rms_error(found, reference)

    return Subject(
        precision,
        layers_of(steps.graph),
        lambda kept: steps.write(format, precision, keep_float=kept),
        distance,
        judge,
        lambda: step_errors(steps, format, precision, features),
    )


def layers_of(graph: StepGraph) -> tuple[str, ...]:
    """Layers that compute in integers where they may, in the order of the model."""
    weighted = {op.layer for op in graph.ops if op.weighted}
    every = dict.fromkeys(op.layer for op in graph.ops)
    return tuple(name for name in every if name in weighted - set(graph.float_layers))


def step_errors(
    steps: Steps, format: Format, precision: Precision, features: Array
) -> tuple[LayerError, ...]:
    """Error of each layer of an artifact against the float model, of the same stream.

    The artifact is written once more with every layer's end among its outputs; its scales are
    those that it has without.
    """
    ends = _ends(steps.graph)
    written = steps.write(format, precision, probes=tuple(ends.values()))
    wanted = _watched(Reference(steps.graph), features, list(ends.values()))
    session = backend.load(format, written.artifact, written.files)
    found = _asked(session, features, list(ends.values()))
    return tuple(
        LayerError(layer, relative_rms_error(found[end], wanted[end]))
        for layer, end in ends.items()
    )


def _ends(graph: StepGraph) -> dict[str, str]:
    """The last tensor of each layer, in the order of the model; what is open has no place here."""
    known = {tensor for _, tensor in graph.outputs}
    last = {op.layer: op.output for op in graph.ops if OPEN not in graph.shapes[op.output]}
    return {layer: tensor for layer, tensor in last.items() if tensor not in known}


def _watched(reference: Reference, features: Array, names: Sequence[str]) -> Mapping[str, Values]:
    found: dict[str, list[Values]] = {name: [] for name in names}

    def watch(name: str, value: Values) -> None:
        if name in found:
            found[name].append(value[0].copy())

    reference.sequence(features[None], watch)
    return {name: np.concatenate(values) for name, values in found.items()}


def _asked(session: backend.Session, features: Array, names: Sequence[str]) -> Mapping[str, Values]:
    (source,) = session.artifact.inputs
    frames = source.shape[1]
    found: dict[str, list[Values]] = {name: [] for name in names}
    session.reset()
    for start in range(0, len(features) - frames + 1, frames):
        answer = session.run({source.name: features[None, start : start + frames]})
        for name in names:
            found[name].append(answer[seen(name)][0])
    return {name: np.concatenate(values) for name, values in found.items()}


def whole_subject(
    integers: Integers, items: Samples, wanted: Samples, judge: Callable[[Written], Verdict]
) -> Subject:
    """One artifact in int8.

    Args:
        items: to compare on, as the model takes them.
        wanted: the model's answers to them, (items, …) by name.
        judge: the gate.
    """
    few, right = spread(items, _FEW), spread(wanted, _FEW)
    outputs = outputs_of(right)

    def distance(written: Written) -> float:
        found = _answers(written, few)
        # Of scores beside coordinates, an error would be nothing beside those of coordinates.
        parts = (zip(o.parts(found[o.name]), o.parts(right[o.name]), strict=True) for o in outputs)
        return max(relative_rms_error(a, b) for pairs in parts for a, b in pairs)

    return Subject(
        "int8",
        integers.layers,
        lambda kept: integers.write(kept),
        distance,
        judge,
        lambda: whole_errors(integers, few),
    )


def whole_errors(integers: Integers, items: Samples) -> tuple[LayerError, ...]:
    """Error of each layer of an artifact against the float artifact, for the same items."""
    plain, rounded = integers.probed()
    wanted, found = _answers(plain, items), _answers(rounded, items)
    return tuple(
        LayerError(layer, relative_rms_error(found[seen(layer)], wanted[seen(layer)]))
        for layer in integers.layers
        if seen(layer) in wanted and seen(layer) in found
    )


def _answers(written: Written, items: Samples) -> Samples:
    artifact = written.artifact
    session = backend.load(backend.backend_of(artifact), artifact, written.files)
    names = [info.name for info in artifact.inputs]
    return one_by_one(session.run, dict(zip(names, items.values(), strict=True)), artifact.inputs)


class Subjects:
    """What the search needs of a model's artifacts, whatever conversion path they came along."""

    def __init__(
        self, job: Job, items: Samples, wanted: Samples, judge: Callable[[Written], Verdict]
    ) -> None:
        """Take a model.

        Args:
            job: with items to calibrate on.
            items: others to compare on.
            wanted: the model's answers to them.
            judge: the gate.
        """
        self._job, self._items, self._wanted, self._judge = job, items, wanted, judge
        self._conversion = Conversion(job)

    def of(self, artifact: Artifact) -> Subject:
        """One artifact.

        Raises:
            ConversionError: its layers cannot be kept float one by one.
        """
        format, precision = artifact.format, artifact.precision
        # What OpenVINO reads is rounded before it does.
        given = self._conversion.before("onnx" if format == "openvino" else format, precision)
        if isinstance(given, Steps):
            if len(self._items) > 1:
                raise ConversionError(
                    f"{artifact.id}: a step model of several inputs has no mixed precision"
                )
            (rows,) = self._job.source.rows(self._items, self._job.shapes).values()
            features = rows.reshape(-1, rows.shape[-1])[: STEPS * given.graph.frames]
            return step_subject(given, format, precision, features, self._judge)
        samples, quantize = self._job.samples, self._job.quantize
        if precision != "int8" or samples is None:
            raise ConversionError(f"{artifact.id}: layers are kept float in int8 alone")
        if isinstance(given, Function) and given.has_ranges:
            raise ConversionError(f"{artifact.id}: was trained with its ranges; train it further")
        if isinstance(given, Function) and given.layers:
            integers: TFLiteIntegers | OnnxIntegers = TFLiteIntegers(
                given, samples, quantize, self._job.mixed
            )
        elif isinstance(given, Written) and given.artifact.format == "onnx":
            openvino = format == "openvino"
            integers = OnnxIntegers(given, samples, quantize, self._job.mixed, openvino)
        else:
            raise ConversionError(
                f"{artifact.id}: nothing says which layers it has; give the Keras model, or a file "
                f"of ONNX whose nodes have names"
            )
        return whole_subject(integers, self._items, self._wanted, self._judge)
