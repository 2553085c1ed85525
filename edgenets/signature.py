"""Is an artifact's face that of its model: the inputs and outputs that the runtime will use?"""

from __future__ import annotations

from edgenets.artifact import Artifact, TensorInfo
from edgenets.spec import ModelSpec
from edgenets.stepspec import StreamSpec
from edgenets.tasks.translation.spec import MEMORY, START, TranslationSpec
from edgenets.tasks.vision.spec import (
    BoxDecoding,
    ClassDecoding,
    ImageSpec,
    Layout,
    MaskDecoding,
    ObjectMasks,
    PointHead,
    SsdHead,
)
from edgenets.windowed import face_of


def check_face(spec: ModelSpec, artifact: Artifact) -> None:
    """Hold an artifact's inputs and outputs against what the runtime gives it and takes from it.

    Raises:
        ValueError: they are not those of this model.
    """
    if artifact.part not in (spec.parts or ("",)):
        raise ValueError(f"{artifact.id}: its model is not made of such parts")
    if isinstance(spec, TranslationSpec):
        _check_translation(spec, artifact)
    elif artifact.sequence_inputs or any(link.initial_input for link in artifact.states):
        raise ValueError(f"{artifact.id}: wants to be given what its model has not")
    elif isinstance(spec, StreamSpec):
        _check_stream(spec, artifact)
    elif isinstance(spec, ImageSpec):
        _check_image(spec, artifact)


def _check_stream(spec: StreamSpec, artifact: Artifact) -> None:
    if len(artifact.inputs) != 1 or len(artifact.outputs) != 1:
        raise ValueError(f"{artifact.id}: one input and one output are needed beside the states")
    face = face_of(artifact)
    (source,), (result,) = face.inputs, face.outputs
    taken = ((source, spec.step.input, spec.input.dtype), (result, spec.step.output, "float32"))
    for info, name, dtype in taken:
        if info.name != name:
            raise ValueError(f"{artifact.id}: has '{info.name}' where the spec has '{name}'")
        if info.quantization is None and info.dtype != dtype:
            raise ValueError(
                f"{artifact.id}: '{name}' is {info.dtype} without a quantization; {dtype} is needed"
            )
        if info.quantization is not None and dtype != "float32":
            raise ValueError(
                f"{artifact.id}: '{name}' is quantized, and takes no numbers of tokens"
            )
    features = (1, spec.step.frames, spec.input.width)
    if source.shape != features:
        raise ValueError(f"{artifact.id}: '{source.name}' is not of shape {list(features)}")
    # Third-party models give (1, labels) where ours give (1, scores a step, labels).
    one, *scores, labels = (0, *result.shape) if len(result.shape) < 2 else result.shape
    few = not scores or (len(scores) == 1 and 1 <= scores[0] <= spec.step.frames)
    if one != 1 or not few or labels != spec.scores:
        raise ValueError(
            f"{artifact.id}: '{result.name}' is not of shape [1, scores, {spec.scores}]"
        )


def _check_translation(spec: TranslationSpec, artifact: Artifact) -> None:
    inputs = [(info.name, info.shape, info.dtype) for info in artifact.inputs]
    if inputs != [(spec.step.input, (1, 1, 1), spec.input.dtype)]:
        raise ValueError(f"{artifact.id}: takes no single pieces as '{spec.step.input}'")
    reads = artifact.part == "encoder"
    wanted = {MEMORY: spec.memory, START: spec.start} if reads else {spec.step.output: spec.scores}
    found = {info.name: info.shape for info in artifact.outputs}
    if found != {name: (1, 1, width) for name, width in wanted.items()}:
        raise ValueError(f"{artifact.id}: gives {found}; {wanted} is needed")
    held = [(info.name, info.shape[-1]) for info in artifact.sequence_inputs]
    given = [
        (link.input.name, link.input.elements) for link in artifact.states if link.initial_input
    ]
    if reads and (held or given):
        raise ValueError(f"{artifact.id}: an encoder is given nothing")
    if not reads and (held != [(MEMORY, spec.memory)] or given != [(START, spec.start)]):
        raise ValueError(f"{artifact.id}: is given {held} and {given}, which the encoder gives not")


def _check_image(spec: ImageSpec, artifact: Artifact) -> None:
    if len(artifact.inputs) != 1 or artifact.states:
        raise ValueError(f"{artifact.id}: one input and no state are needed for images")
    (source,) = artifact.inputs
    if source.name != spec.input.name or source.shape != spec.input.shape:
        raise ValueError(
            f"{artifact.id}: takes '{source.name}' {list(source.shape)} where the spec has "
            f"'{spec.input.name}' {list(spec.input.shape)}"
        )
    found = {info.name: info for info in artifact.outputs}
    for name, rows in _wanted(spec).items():
        info = found.get(name)
        if info is None:
            raise ValueError(f"{artifact.id}: has no output '{name}', which the spec decodes")
        if rows is not None and not _fits(info, rows):
            raise ValueError(
                f"{artifact.id}: '{name}' is {list(info.shape)}; {list(rows)} at its end is needed"
            )
    _check_planes(spec, artifact)


def _check_planes(spec: ImageSpec, artifact: Artifact) -> None:
    found = {info.name: info.shape for info in artifact.outputs}
    for name, layout, count in _planes(spec):
        shape = found[name]
        flat = count == 1 and len(shape) == 3
        if not flat and (len(shape) != 4 or shape[1 if layout == "nchw" else 3] != count):
            raise ValueError(
                f"{artifact.id}: '{name}' is {list(shape)}; {count} plane(s) as {layout} are needed"
            )


def _wanted(spec: ImageSpec) -> dict[str, tuple[int, ...] | None]:
    """The outputs that decoding reads, and how their shapes end; None: as it says itself."""
    decoding, labels = spec.decoding, len(spec.labels)
    if isinstance(decoding, ClassDecoding):
        return {decoding.output: (labels,)}
    if not isinstance(decoding, BoxDecoding):
        return {decoding.output: None}
    head, frame = decoding.head, spec.input
    if isinstance(head, PointHead):
        cells = {s: (-(-frame.height // s), -(-frame.width // s)) for s in head.strides}
        boxes = {f"boxes_{s}": (*cells[s], 4) for s in head.strides}
        return {**boxes, **{f"scores_{s}": (*cells[s], labels) for s in head.strides}}
    if isinstance(head, SsdHead):
        return {head.boxes: (4,), head.classes: None, head.scores: None, head.count: None}
    if isinstance(head.detail, ObjectMasks):
        return {head.output: None, head.detail.prototypes: None}
    return {head.output: None}


def _planes(spec: ImageSpec) -> list[tuple[str, Layout, int]]:
    """The outputs that hold a number a pixel, with their layouts and how many planes each has."""
    decoding = spec.decoding
    if isinstance(decoding, MaskDecoding):
        count = len(spec.labels) if decoding.form == "scores" else 1
        return [(decoding.output, decoding.layout, count)]
    detail = decoding.detail if isinstance(decoding, BoxDecoding) else None
    if isinstance(detail, ObjectMasks):
        return [(detail.prototypes, detail.layout, detail.count)]
    return []


def _fits(info: TensorInfo, end: tuple[int, ...]) -> bool:
    return info.shape[-len(end) :] == end
