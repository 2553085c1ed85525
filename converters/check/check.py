"""What a board will make of artifacts: operators, sizes, memory, accelerators.

All of it is read from the files, so that all of it is a prediction; what an interpreter or a
compiler says of them on the board is more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenets.artifact import OPEN, Format
from edgenets.errors import ModelError
from edgenets.findings import Finding, Level, well
from edgenets.selfcontained import refuse_outside

from ..formats import Written
from . import edgetpu, memory, versions
from .onnxgraph import OnnxFacts, facts
from .operators import Graph, read

# What an OS, Python and the interpreter need beside a model.
_SYSTEM_MB = 220

# Reasons that are needed of one artifact; of the others it is said how many there are.
_SHOWN = 6


# Operators that are custom, and that interpreters have all the same: ai-edge-litert and
# tflite-runtime register them with their own (tensorflow/lite/core/kernels/register.cc).
_CUSTOM = {"AudioSpectrogram", "Mfcc", "NumericVerify", "TFLite_Detection_PostProcess"}


@dataclass(frozen=True)
class Target:
    """A board, as far as artifacts are concerned."""

    name: str
    backends: tuple[Format, ...]
    memory_mb: int  # of the smallest that is sold
    edge_tpu: bool = False
    cuda: bool = False
    # Of TFLite files: what it has, and what it may have instead.
    interpreters: tuple[str, ...] = versions.KNOWN


@dataclass(frozen=True)
class Checked:
    """One artifact, and what was found of it."""

    id: str
    bytes: int
    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """Whether nothing stops it."""
        return well(self.findings)


def check(written: Sequence[Written], target: Target) -> tuple[Checked, ...]:
    """Look at artifacts with a board in mind."""
    return tuple(
        Checked(item.artifact.id, item.size, tuple(_findings(item, target))) for item in written
    )


def _findings(item: Written, target: Target) -> Iterator[Finding]:
    artifact = item.artifact
    if artifact.format == "edgetpu":
        yield _compiled(item, target)
        return
    if artifact.format not in target.backends:
        yield Finding("stop", "backend", f"{target.name} has no backend for {artifact.format}")
        return
    yield Finding("well", "backend", f"{artifact.format} runs on {target.name}")
    if any(OPEN in info.shape for info in artifact.inputs):
        yield Finding("note", "sizes", "an input is of open size; memory is not known before it is")
    content = item.files[artifact.files[0]]
    try:
        own = [(name, item.files[name]) for name in artifact.files]
        refuse_outside(artifact.format, own, ModelError)
        if artifact.format == "tflite":
            yield from _tflite(read(Path(artifact.files[0]), content), item, target)
        elif artifact.format == "onnx":
            yield from _onnx(facts(content), item, target)
    except ModelError as exc:
        yield Finding("stop", "file", str(exc))


def _compiled(item: Written, target: Target) -> Finding:
    if not target.edge_tpu:
        return Finding("stop", "backend", f"{target.name} has no Edge TPU")
    return Finding("well", "Edge TPU", item.artifact.note)


def _tflite(graph: Graph, item: Written, target: Target) -> Iterator[Finding]:
    custom = sorted({o.name for o in graph.operators if o.is_custom} - _CUSTOM)
    if custom:
        yield Finding(
            "stop", "operators", f"{', '.join(custom)}: custom, which no interpreter here has"
        )
    own, *older = [versions.interpreter(name) for name in target.interpreters]
    missing = list(versions.lacking(graph, own))
    if missing:
        yield Finding("stop", "operators", f"{own.name} lacks {'; '.join(missing)}")
    else:
        yield Finding("well", "operators", f"{len(graph.operators)}, all known to {own.name}")
    for other in older:
        if missing := list(versions.lacking(graph, other)):
            yield Finding(
                "note",
                "operators",
                f"{other.name}, where that is installed instead, lacks "
                f"{'; '.join(missing[:_SHOWN])}{_and_more(missing)}",
            )
    if graph.graphs > 1:
        yield Finding("note", "operators", f"{graph.graphs} graphs in it: branches or loops")
    most, where = memory.peak(graph)
    yield _memory(most, where, item, target)
    if target.edge_tpu:
        yield from _edge_tpu(graph, item)


def _onnx(found: OnnxFacts, item: Written, target: Target) -> Iterator[Finding]:
    if found.third_party:
        yield Finding(
            "stop",
            "operators",
            f"{', '.join(found.third_party)}: of a domain that ONNX Runtime does not have",
        )
    needs = f"needs ONNX Runtime {found.runtime} or newer" if found.runtime else ""
    if not needs:
        needs = "which is newer than what is known of ONNX Runtime here"
    yield Finding(
        "well" if found.runtime else "note",
        "operators",
        f"{found.operators}, of opset {found.opset}, {needs}",
    )
    if found.peak is not None:
        yield _memory(found.peak, found.where, item, target)
    if target.cuda:
        yield _nvidia(item)


def _nvidia(item: Written) -> Finding:
    """What the GPU would do of an ONNX artifact; seen with its parser, not on a Jetson."""
    if item.artifact.precision in ("int8", "int16x8"):
        text = (
            "TensorRT refuses integers whose zero is not 0; it takes fp16, and int8 that was "
            "converted with --symmetric"
        )
    elif item.artifact.states:
        text = (
            "a step of a stream runs on the CPU, where it is over before a GPU begins; `edgenets "
            "choose` with --backend tensorrt measures both"
        )
    else:
        text = (
            "ONNX Runtime takes TensorRT, CUDA or the CPU, the first that is there; TensorRT "
            "builds an engine at the first start, and keeps it"
        )
    return Finding("note", "accelerator", text)


def _and_more(reasons: Sequence[str]) -> str:
    return f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""


def _memory(most: int, where: str, item: Written, target: Target) -> Finding:
    need = (most + item.size) / 1e6
    room = target.memory_mb - _SYSTEM_MB
    needed = (
        f"{most / 1024:.1f} kB of tensors at once, at {where}, and {item.size / 1024:.1f} kB of "
        f"file"
    )
    if need > room:
        return Finding("stop", "memory", f"{needed}; {target.name} has room for about {room} MB")
    return Finding("well", "memory", needed)


def _edge_tpu(graph: Graph, item: Written) -> Iterator[Finding]:
    if item.artifact.precision != "int8":
        yield Finding(
            "note", "Edge TPU", f"takes int8 alone; all of {item.artifact.id} would run on the CPU"
        )
        return
    found = edgetpu.mapping(graph)
    every = len(graph.operators)
    if not found.mapped:
        yield Finding("note", "Edge TPU", "nothing of it would be mapped")
    level: Level = "well" if found.mapped and found.split is None else "note"
    yield Finding(
        level, "Edge TPU", f"{len(found.mapped)} of {every} operators would be mapped (predicted)"
    )
    for operator, why in found.left[:_SHOWN]:
        yield Finding("note", "Edge TPU", f"{operator.name} ({operator.place}) {why}")
    if len(found.left) > _SHOWN:
        yield Finding("note", "Edge TPU", f"and {len(found.left) - _SHOWN} more on the CPU")
    if found.split is not None:
        yield Finding(
            "note",
            "Edge TPU",
            f"the graph would be divided at {found.split.name} ({found.split.place})",
        )
    if found.beyond:
        yield Finding(
            "note",
            "Edge TPU",
            f"{found.beyond / 1e6:.1f} MB of weights do not fit on the chip; "
            f"they would be sent at every inference",
        )
