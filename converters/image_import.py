"""Third-party models of images, as files: what they take and give, and a bundle of them.

Nothing here is proven, for there is no model to hold the file against; the bundle
says so. What the file does not say (the colors' order, the normalisation) is
guessed, and every guess is reported with its reason, so that it can be put right.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgenets import __version__, backend
from edgenets.archive import member_name
from edgenets.artifact import Artifact, Format, Precision, TensorInfo
from edgenets.bundle import CARD, GOLDEN_IMAGE, REPORT, Bundle, golden_name, write
from edgenets.errors import MissingExtra, ModelError, first_line
from edgenets.extras import require
from edgenets.onnxruntime import session_options
from edgenets.selfcontained import refuse_outside
from edgenets.tasks.vision.golden import golden_image, golden_png, output_of
from edgenets.tasks.vision.spec import ImageInput, ImageSpec, ImageTask, Scores

from .image_heads import Opened, decoding_of
from .sources import onnx_file, tflite_file
from .sources.ends import End

# A list of labels in another encoding than this is rare, and says so by being unreadable.
_LONGEST_LABELS = 1 << 20  # bytes

# A line of a list of labels that begins with its number.
_NUMBERED = re.compile(r"(\d+):* (.+)")


@dataclass(frozen=True)
class ImportOptions:
    """What the user says where the file does not; None: guessed."""

    task: ImageTask
    labels: Path | None = None
    name: str | None = None
    color: str | None = None
    resize: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    scores: Scores | None = None


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
    artifact = _artifact(path, model)
    frame = _input(artifact, options, guesses)
    labels = _labels(path, model, options, artifact)
    files = {artifact.files[0]: model}
    session = backend.load(artifact.format, artifact, files)
    ends = _ends(artifact, model)
    opened = Opened(artifact, session, frame, ends, options.scores, guesses)
    decoding, labels = decoding_of(options.task, opened, labels)
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


def _ends(artifact: Artifact, model: bytes) -> dict[str, End]:
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


def _input(artifact: Artifact, options: ImportOptions, guesses: list[str]) -> ImageInput:
    """How the model takes images; what is guessed is written down."""
    (info,) = artifact.inputs
    layout = _layout(artifact.files[0], info)
    _, *rest = info.shape
    height, width, channels = rest if layout == "nhwc" else (rest[1], rest[2], rest[0])
    mean, std = _normalisation(info, options, guesses)
    color: Any = options.color  # `ImageInput` refuses what is none
    resize: Any = options.resize
    if color is None:
        color = "grey" if channels == 1 else "rgb"
        guesses.append(f"color {color}: what nearly all models take")
    if resize is None:
        resize = "stretch"
        guesses.append("resize stretch: both sides to the model's size")
    try:
        return ImageInput(
            name=info.name,
            height=height,
            width=width,
            color=color,
            resize=resize,
            mean=mean,
            std=std,
            layout=layout,
        )
    except ValueError as exc:
        raise ModelError(f"{artifact.files[0]}: {exc}") from exc


def _layout(file: str, info: TensorInfo) -> Literal["nhwc", "nchw"]:
    if len(info.shape) == 4 and info.shape[0] == 1:
        if info.shape[3] in (1, 3):
            return "nhwc"
        if info.shape[1] in (1, 3):
            return "nchw"
    raise ModelError(
        f"{file}: takes '{info.name}' {list(info.shape)}; one image of 1 or 3 channels is needed"
    )


def _normalisation(
    info: TensorInfo, options: ImportOptions, guesses: list[str]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and deviation that make the input what it was trained on."""
    if options.mean is not None or options.std is not None:
        return options.mean or (0.0,), options.std or (1.0,)
    mean, std, why = _usual_normalisation(info)
    guesses.append(f"normalisation (pixel − {mean:g}) / {std:g}: {why}")
    return (mean,), (std,)


def _usual_normalisation(info: TensorInfo) -> tuple[float, float, str]:
    """A mean and a deviation, and why it is these."""
    q = info.quantization
    if q is not None:  # the integers of the tensor are the pixels themselves, moved for int8
        first = -128 if info.dtype == "int8" else 0
        mean, std = float(q.zero_point - first), 1 / q.scale
        return mean, std, "its input's quantization says that pixels go in as they are"
    if info.dtype != "float32":
        return 0.0, 1.0, f"its input is {info.dtype} without a scale"
    if info.shape[1] in (1, 3):
        return 0.0, 255.0, "usual for models with the channels first: 0 … 1"
    return 127.5, 127.5, "usual for TensorFlow's models: −1 … 1"


def _labels(
    path: Path, model: bytes, options: ImportOptions, artifact: Artifact
) -> tuple[str, ...]:
    """Labels from the user's file, else from the list that TFLite files carry along.

    Raises:
        ModelError: there are none.
    """
    if options.labels is not None:
        try:
            text = options.labels.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ModelError(f"{options.labels}: cannot be read as labels: {exc}") from exc
        return _listed(text)
    try:  # TFLite's metadata append a zip with files to the model
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".txt") and entry.file_size < _LONGEST_LABELS:
                    return _listed(archive.read(entry).decode("utf-8"))
    except (zipfile.BadZipFile, UnicodeDecodeError, OSError, NotImplementedError):
        pass
    raise ModelError(f"{path}: carries no labels; give --labels FILE, one a line")


def _listed(text: str) -> tuple[str, ...]:
    """Labels that can be reported apart and shown; numbers before them are no part of them."""
    found: list[str] = []
    for number, line in enumerate(_unnumbered(text.rstrip())):
        name = "".join(c if c.isprintable() else " " for c in line.replace("/", "∕")).strip()
        name = name or f"label {number}"
        same = sum(x == name or x.startswith(f"{name} (") for x in found)
        found.append(f"{name} ({same + 1})" if same else name)
    return tuple(found)


def _unnumbered(text: str) -> list[str]:
    """Lines, without the numbers before them where each has its own: `3 cat`, `3: cat`."""
    lines = [line.strip() for line in text.splitlines()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(m and int(m[1]) in (i, i + 1) for i, m in enumerate(numbered)):
        return [m[2].strip() for m in numbered if m]
    return lines


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
