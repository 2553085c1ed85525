"""Which format has which precision, and how each is written.

The table says why a precision is missing, so that it can be said and not faked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edgenets.artifact import (
    PRECISIONS,
    Artifact,
    Format,
    Part,
    Precision,
    StateLink,
    TensorInfo,
    id_of,
)
from edgenets.errors import ConversionError, UnsupportedPrecision
from edgenets.progress import Progress
from edgenets.quantization import Quantization

from .accelerators.said import Said
from .step.graph import State, StepGraph
from .step.onnx import OnnxWriter
from .step.openvino import to_ir
from .step.plan import ActivationType, Plan
from .step.tflite import TFLiteWriter

# What the input of a step artifact is called, by its type.
INPUTS = {"float32": "features", "int32": "tokens"}

# (format, precision) → why there is no such artifact
MISSING: dict[tuple[Format, Precision], str] = {
    ("openvino", "int16x8"): (
        "OpenVINO has no 16-bit integer activations; int8, or fp16, is its nearest"
    ),
    **{
        ("edgetpu", p): "the Edge TPU computes in eight-bit integers alone"
        for p in PRECISIONS
        if p != "int8"
    },
}

WEIGHTS_ALONE = "weights are stored in 8 bits; activations stay float"

# What a person should know about an artifact that its name does not say.
NOTES: dict[tuple[Format, Precision], str] = {
    ("onnx", "fp16"): "weights are stored in 16 bits; ONNX Runtime computes in float32 on a CPU",
    (
        "onnx",
        "int16x8",
    ): "needs opset 21 (ONNX Runtime ≥ 1.20), which computes it in float32 on a CPU",
    ("openvino", "fp16"): "weights are stored in 16 bits; the CPU plugin computes in float32",
    ("openvino", "dynamic"): WEIGHTS_ALONE,
    ("tflite", "fp16"): "weights are stored in 16 bits; TFLite computes in float32 on a CPU",
    ("tflite", "int16x8"): "runs on TFLite's reference kernels, without XNNPACK: exact, and slow",
}


# The integers of activations; where a precision is not here, they stay float.
_ACTIVATIONS: dict[str, ActivationType] = {"int8": "int8", "int16x8": "int16"}

# What the files of a format end in; the first is the one to open.
_ENDINGS: dict[Format, tuple[str, ...]] = {
    "tflite": (".tflite",),
    "onnx": (".onnx",),
    "openvino": (".xml", ".bin"),
    "edgetpu": ("_edgetpu.tflite",),
}


@dataclass(frozen=True)
class Written:
    """An artifact and the bytes of its files."""

    artifact: Artifact
    files: dict[str, bytes]
    route: tuple[str, ...] = ()  # the converters that it came along
    said: Said | None = None  # what the compiler said that made it, if one did

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))


@dataclass(frozen=True)
class Converted:
    """The outcome of a conversion."""

    written: tuple[Written, ...]
    missing: tuple[str, ...]  # why a wanted precision is not there, a sentence each


def noted(written: Written, text: str) -> Written:
    """The same artifact with one more thing that a person should know about it."""
    note = "; ".join(filter(None, (written.artifact.note, text)))
    return replace(written, artifact=replace(written.artifact, note=note))


def seen(name: str) -> str:
    """Name of an inner tensor, or a layer's end, that an artifact gives besides its outputs."""
    return f"{name}/seen"


def activation_type(precision: str) -> ActivationType | None:
    """The integers that activations become, or None where they stay float."""
    return _ACTIVATIONS.get(precision)


def each(
    to: Sequence[Format],
    precisions: Sequence[Precision],
    write: Callable[[Format, Precision], Written],
    excused: type[ConversionError],
    progress: Progress | None = None,
) -> Converted:
    """Every format in every precision.

    Args:
        write: makes one artifact.
        excused: what it may raise where an artifact cannot be; it is said in `missing`.
    """
    written, missing = [], []
    wanted = [(f, p) for f in to for p in _sensible(f, precisions)]
    with (progress or Progress()).task("converting") as task:
        for done, (format, precision) in enumerate(wanted, 1):
            try:
                written.append(write(format, precision))
            except excused as exc:
                missing.append(str(exc))
            task.update(done, len(wanted))
    return Converted(tuple(written), tuple(missing))


def _sensible(format: Format, precisions: Sequence[Precision]) -> Sequence[Precision]:
    """Of several precisions, those that a compiler could take; the one that is asked for, if it is
    none, so that it is said why."""
    if format != "edgetpu" or "int8" not in precisions:
        return precisions
    return ("int8",)


def whole(
    format: Format,
    precision: Precision,
    contents: Sequence[bytes],
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    note: str | None = None,
) -> Written:
    """An artifact without a state, of what its files hold.

    Args:
        note: None: what is known of its format and precision.
    """
    files = _files(format, id_of(format, precision), contents)
    artifact = Artifact(
        format,
        precision,
        tuple(files),
        tuple(inputs),
        tuple(outputs),
        note=NOTES.get((format, precision), "") if note is None else note,
    )
    return Written(artifact, files)


def _files(format: Format, stem: str, contents: Sequence[bytes]) -> dict[str, bytes]:
    return {f"{stem}{e}": data for e, data in zip(_ENDINGS[format], contents, strict=True)}


def write(
    graph: StepGraph,
    format: Format,
    precision: Precision,
    plan: Plan | None = None,
    part: Part = "",
) -> Written:
    """Write a step graph in one format and precision.

    Requires: `passes.simplify` ran; a plan of the right integers, and
        `passes.isolate_fixed`, for int8 and int16x8.
    Ensures: the artifact's states keep one quantization from step to step.

    Args:
        part: which of the networks of a model this is, where it is made of several.

    Raises:
        UnsupportedPrecision: the format has no such precision.
    """
    reason = MISSING.get((format, precision))
    if reason is not None:
        raise UnsupportedPrecision(f"{format} in {precision}: {reason}")
    names = [(s.input, f"{s.input}/next") for s in graph.states]
    contents: tuple[bytes, ...]
    if format == "tflite":
        weights = {"fp16": "float16", "dynamic": "int8"}.get(precision, "float32")
        writer = TFLiteWriter(graph, weights, plan)  # type: ignore[arg-type]
        contents = (writer.write(INPUTS[graph.input_type], names),)
    elif format == "onnx":
        contents = (_onnx(graph, precision, plan, names),)
    else:
        # OpenVINO halves float weights itself, and knows no dynamically quantized product.
        source = "fp32" if precision == "fp16" else precision
        model = _onnx(graph, source, plan, names, weights_only=True)
        contents = to_ir(model, half=precision == "fp16")
    files = _files(format, id_of(format, precision, part), contents)
    read = ("read (openvino)",) if format == "openvino" else ()
    return Written(
        describe(graph, format, precision, plan, tuple(files), part),
        files,
        ("walk (edgenets)", "write (edgenets)", *read),
    )


def _onnx(
    graph: StepGraph,
    precision: Precision,
    plan: Plan | None,
    names: list[tuple[str, str]],
    weights_only: bool = False,
) -> bytes:
    # What has integer weights by its plan has them anyway; this is about the layers that have not.
    weights = {"fp16": "float16", "dynamic": "int8-dynamic"}.get(precision, "float32")
    if weights_only and precision == "dynamic":
        weights = "int8"
    return OnnxWriter(graph, weights, plan).write(INPUTS[graph.input_type], names)  # type: ignore[arg-type]


def describe(
    graph: StepGraph,
    format: Format,
    precision: Precision,
    plan: Plan | None,
    files: tuple[str, ...],
    part: Part = "",
) -> Artifact:
    """The artifact's tensors, as `write` makes them."""
    results = {tensor for _, tensor in graph.outputs}

    def info(name: str, public: str, state: str | None = None) -> TensorInfo:
        inside = state is not None or name not in results
        integer = plan is not None and inside and (state or name) in plan.integer_tensors
        q: Quantization | None = plan.quantization[name] if plan is not None and integer else None
        frames, channels = graph.shapes[name]
        shape: tuple[int, ...] = (1, frames, channels)
        if state is not None:  # as it is inside the file: nobody but the next step looks at it
            shape = (1, frames, 1, channels) if format == "tflite" else (frames, channels)
        real = graph.input_type if name == graph.input else "float32"
        return TensorInfo(public, shape, q.dtype if q is not None else real, q)

    def link(state: State) -> StateLink:
        return StateLink(
            info(state.input, state.input, state.input),
            info(state.output, f"{state.input}/next", state.input),
            state.initial,
            state.hold,
            state.initial_input,
        )

    def held(name: str) -> TensorInfo:
        rows, channels = graph.shapes[name]
        if format != "tflite":
            return TensorInfo(name, (rows, channels), "float32")
        return replace(info(name, name), shape=(1, rows, channels))

    return Artifact(
        format,
        precision,
        files,
        (info(graph.input, INPUTS[graph.input_type]),),
        tuple(info(tensor, public) for public, tensor in graph.outputs),
        tuple(link(s) for s in graph.states),
        note=NOTES.get((format, precision), ""),
        sequence_inputs=tuple(map(held, graph.sequence_inputs)),
        part=part,
    )
