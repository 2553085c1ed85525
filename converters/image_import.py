"""Third-party models of images, as files: what they take and give, and a bundle of them.

Nothing here is proven, for there is no model to hold the file against; the bundle
says so. What the file does not say (the colors' order, the normalisation) is
guessed, and every guess is reported with its reason, so that it can be put right.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgenets import __version__, backend
from edgenets.archive import member_name
from edgenets.artifact import Artifact, Format, Precision, TensorInfo
from edgenets.bundle import CARD, GOLDEN_IMAGE, REPORT, Bundle, golden_name, write
from edgenets.errors import ConversionError, MissingExtra, ModelError, first_line
from edgenets.extras import require
from edgenets.onnxruntime import session_options
from edgenets.selfcontained import refuse_outside
from edgenets.tasks.vision.golden import golden_image, golden_png, output_of
from edgenets.tasks.vision.spec import (
    IMAGE_TASKS,
    BoxDecoding,
    ImageDecoding,
    ImageSpec,
    ImageTask,
    YoloHead,
)

from . import ultralytics
from .image_heads import decoding_of
from .image_input import Preprocessing, input_of
from .labels import carried_labels, read_labels
from .opened import Opened, OutputsAs
from .sources import onnx_file, tflite_file
from .sources.ends import End
from .ultralytics import Ultralytics
from .whole.onnxshape import fix_shapes


@dataclass(frozen=True)
class ImportOptions:
    """What the user says where the file does not; None: guessed."""

    task: ImageTask | None = None  # None: as the file's own metadata say
    labels: Path | None = None
    name: str | None = None
    color: str | None = None
    resize: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    antialias: bool | None = None
    outputs: OutputsAs = field(default_factory=OutputsAs)

    @property
    def images(self) -> Preprocessing:
        """How images go in."""
        return Preprocessing(self.color, self.resize, self.mean, self.std, self.antialias)


@dataclass(frozen=True)
class Imported:
    """A bundle, and what was guessed for it."""

    bundle: Bundle
    guesses: tuple[str, ...]


def import_image_model(path: Path, out: Path, options: ImportOptions) -> Imported:
    """Make a bundle of a `.tflite` or `.onnx` file.

    Args:
        path: the model.
        out: the `.edge` file.
        options: its task, its labels, and how it wants its images.

    Raises:
        ModelError: the file is compiled for another processor, damaged, or no such model.
        BackendError: the interpreter refuses it.
        MissingExtra: the interpreter is not installed.
    """
    try:
        model = path.read_bytes()
    except OSError as exc:
        raise ModelError(f"{path}: cannot be read: {exc.strerror}") from exc
    guesses: list[str] = []
    known = ultralytics.read(path.name, ultralytics.metadata_in(path.suffix[1:], model))
    if known is not None and known.size is not None and path.suffix == ".onnx":
        model = _sized(path, model, known.size)
    artifact = _artifact(path, model)
    if known is not None:
        options = as_said(path, options, known, guesses)
    if options.task is None:
        raise ModelError(
            f"{path}: --task says what a model of images is for: {', '.join(IMAGE_TASKS)}"
        )
    frame = input_of(path.name, artifact.inputs[0], options.images, guesses)
    labels = _labels(path, model, options, known)
    files = {artifact.files[0]: model}
    session = backend.load(artifact.format, artifact, files)
    ends = ends_in(artifact, model)
    opened = Opened(artifact, session, frame, ends, options.outputs, guesses)
    decoding, labels = decoding_of(options.task, opened, labels)
    decoding = adjusted(decoding, options.outputs, known)
    try:
        spec = ImageSpec(options.name or path.stem, options.task, labels, frame, decoding)
    except ValueError as exc:
        raise ModelError(f"{path}: {exc}") from exc
    answer = output_of(spec, session, golden_image(frame))
    others = {
        REPORT: json.dumps({"foreign": True, "model": spec.name, "verdicts": []}).encode(),
        CARD: _card(path, spec, guesses).encode(),
        GOLDEN_IMAGE: golden_png(frame),
        golden_name(artifact): answer.astype("<f4").tobytes(),
    }
    licence = "as its author states"
    write(out, spec, {artifact: files}, others, licence, f"edgenets {__version__}")
    return Imported(Bundle(out), tuple(guesses))


def as_said(
    path: Path, options: ImportOptions, known: Ultralytics, guesses: list[str]
) -> ImportOptions:
    """The user's options, with what metadata say where he says nothing.

    Args:
        guesses: what is taken from them is added here.

    Raises:
        ModelError: they say another task.
    """
    if options.task not in (None, known.task, known.own_task):
        raise ModelError(
            f"{path}: its metadata say that it is to {known.task}; --task {options.task} was given"
        )
    own = known.images
    resize = options.resize or own.resize
    guesses.append(f"as Ultralytics does it: rgb, 0 … 1, {resize}; its metadata say the labels")
    said = options.outputs
    said = replace(
        said,
        scores=said.scores or known.outputs.scores,
        boxes=said.boxes or known.outputs.boxes,
        detail=said.detail or known.outputs.detail,
    )
    return replace(
        options,
        task=known.task,
        color=options.color or own.color,
        resize=resize,
        mean=options.mean or own.mean,
        std=options.std or own.std,
        antialias=own.antialias if options.antialias is None else options.antialias,
        outputs=said,
    )


def _sized(path: Path, model: bytes, size: tuple[int, int]) -> bytes:
    """A file whose sizes are open, for one image of a size; another as it is.

    Args:
        size: height and width, pixels.
    """
    refuse_outside("onnx", [(str(path), model)], ModelError)
    try:
        found = require("onnx").load_model_from_string(model)
    except MissingExtra:  # ONNX Runtime says that they are open
        return model
    (source, *others) = found.graph.input
    sides = [d.dim_value for d in source.type.tensor_type.shape.dim]
    if others or len(sides) != 4 or all(sides):
        return model
    info = TensorInfo(source.name, (1, sides[1] or 3, *size), "float32")
    try:
        return bytes(fix_shapes(found, [info])[0].SerializeToString())
    except ConversionError as exc:
        raise ModelError(f"{path}: {exc}") from exc


def _labels(
    path: Path, model: bytes, options: ImportOptions, known: Ultralytics | None
) -> tuple[str, ...]:
    if options.labels is not None:
        return read_labels(options.labels)
    return known.labels if known is not None else carried_labels(path, model)


def adjusted(decoding: ImageDecoding, said: OutputsAs, known: Ultralytics | None) -> ImageDecoding:
    """A decoding with the user's limits, or those of the library that the model is of."""
    if not isinstance(decoding, BoxDecoding):
        return decoding
    if known is not None:
        head = decoding.head
        head = replace(head, best=True) if isinstance(head, YoloHead) else head
        decoding = replace(
            decoding,
            head=head,
            threshold=ultralytics.THRESHOLD,
            iou=ultralytics.IOU,
            most=ultralytics.MOST,
        )
    iou = decoding.iou if said.iou is None else said.iou
    most = decoding.most if said.most is None else said.most
    return replace(decoding, iou=iou, most=most)


def _artifact(path: Path, model: bytes) -> Artifact:
    """What the file itself says of its tensors."""
    if path.suffix == ".tflite":
        tflite_file.parse(path, model)
        inputs, outputs = tflite_file.tensors(path, model)
        format: Format = "tflite"
    elif path.suffix == ".onnx":
        refuse_outside("onnx", [(str(path), model)], ModelError)
        inputs, outputs = _onnx_tensors(path, model)
        format = "onnx"
    else:
        raise ModelError(f"{path}: a .tflite or .onnx file is needed")
    if len(inputs) != 1:
        raise ModelError(f"{path}: takes {len(inputs)} inputs; a model of images takes one")
    precision: Precision = "fp32" if inputs[0].dtype == "float32" else "int8"
    return Artifact(
        format,
        precision,
        (member_name(path.name),),
        inputs,
        outputs,
        note="third-party: not proven against a model",
    )


def ends_in(artifact: Artifact, model: bytes) -> dict[str, End]:
    """What makes each output of a file."""
    names = [info.name for info in artifact.outputs]
    if artifact.format == "tflite":
        tree = tflite_file.tree_of(Path(artifact.files[0]), model)
        return dict(zip(names, tflite_file.ends_of(tree), strict=True))
    try:
        graph = require("onnx").load_model_from_string(model)
    except MissingExtra:  # the values say it, less surely
        return {}
    return {name: onnx_file.end_of_tensor(graph, name) for name in names}


def _onnx_tensors(
    path: Path, model: bytes
) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    ort = require("onnxruntime")
    try:
        session = ort.InferenceSession(
            model, providers=["CPUExecutionProvider"], **session_options(ort)
        )
    except Exception as exc:  # ONNX Runtime's error classes share no base but Exception
        raise ModelError(f"{path}: ONNX Runtime refuses it: {first_line(exc)}") from exc
    kinds = {
        "tensor(float)": "float32",
        "tensor(uint8)": "uint8",
        "tensor(int8)": "int8",
        "tensor(int32)": "int32",
        "tensor(int64)": "int64",
    }

    def info(tensor: Any) -> TensorInfo:
        if not all(isinstance(d, int) for d in tensor.shape):
            raise ModelError(
                f"{path}: '{tensor.name}' has no fixed shape ({tensor.shape}); export it for one "
                f"image of a fixed size"
            )
        kind: Any = kinds.get(tensor.type)
        if kind is None:
            raise ModelError(f"{path}: '{tensor.name}' is of {tensor.type}, which is not known")
        return TensorInfo(tensor.name, tuple(tensor.shape), kind)

    return tuple(map(info, session.get_inputs())), tuple(map(info, session.get_outputs()))


def _card(path: Path, spec: ImageSpec, guesses: list[str]) -> str:
    frame = spec.input
    lines = [
        f"# {spec.name}",
        "",
        f"A third-party model, imported from `{path.name}` as it is, for the task “{spec.task}”. "
        f"There is no model to prove it by. Licence: as its author states.",
        "",
        f"- **Input**: {frame.width} × {frame.height}, {frame.color}, by {frame.resize}, "
        f"(pixel − {', '.join(f'{m:g}' for m in frame.mean)}) / "
        f"{', '.join(f'{s:g}' for s in frame.std)}.",
        *(f"- Guessed: {guess}." for guess in guesses),
        "",
    ]
    return "\n".join(lines)
