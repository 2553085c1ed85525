"""Artifacts for Coral's Edge TPU, made of TFLite ones of eight-bit integers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgenets.artifact import TensorInfo, id_of
from edgenets.errors import EdgenetsError, ModelError

from ..formats import Written
from ..sources import tflite_file
from . import edgetpu_compiler
from .said import Said

# The one operator that stands for all that runs on the Edge TPU.
OPERATOR = "edgetpu-custom-op"

# Of a tensor: name, shape, type, scale and zero point.
_Signature = tuple[str, tuple[int, ...], str, float, int]

# Tensors that a message names.
_SHOWN = 2


def compiled(given: Written) -> Written:
    """What Coral's compiler makes of an artifact.

    Raises:
        MissingExtra: the compiler is not on the PATH.
        ConversionError: it refuses the artifact, or maps nothing of it.
    """
    (content,) = given.files.values()
    made, said = edgetpu_compiler.compile(content, given.artifact.id)
    return of_file(Path(edgetpu_compiler.COMPILER), made, given, said)


def of_file(path: Path, model: bytes, given: Written, said: Said | None = None) -> Written:
    """A file that was compiled, as an artifact.

    Args:
        path: of the file, for messages.
        given: what it was compiled from.
        said: what the compiler said, if that is known.

    Raises:
        ModelError: it is damaged, not compiled, or compiled from something else.
    """
    if (why := "; ".join(obstacles(path, model, given))) != "":
        raise ModelError(f"{path}: {why}")
    (content,) = given.files.values()
    artifact, said = given.artifact, said or Said()
    name = f"{Path(artifact.files[0]).stem}{edgetpu_compiler.ENDING}"
    note = "; ".join(filter(None, (artifact.note, f"for the Edge TPU, {said}")))
    made = replace(
        artifact,
        format="edgetpu",
        files=(name,),
        note=note,
        compiled_from=hashlib.sha256(content).hexdigest(),
    )
    return Written(made, {name: model}, said=said)


def obstacles(path: Path, model: bytes, given: Written) -> Iterator[str]:
    """Why a file cannot have been compiled from an artifact.

    The weights inside are in the Edge TPU's own order. What stays as it was is compared: what goes
    in and comes out with its scales, and the operators that the compiler left to the CPU.

    Raises:
        ModelError: it is no TFLite file, or a damaged one.
    """
    found = _facts(path, model)
    if OPERATOR not in found.operators:
        yield "is not compiled: there is no operator of the Edge TPU in it"
        return
    if others := found.custom - {OPERATOR}:
        yield f"has {', '.join(sorted(others))}, which no interpreter knows"
    artifact, links = given.artifact, given.artifact.states
    yield from _other(
        "takes",
        found.inputs,
        [*artifact.inputs, *artifact.sequence_inputs, *(s.input for s in links)],
    )
    yield from _other("gives", found.outputs, [*artifact.outputs, *(s.output for s in links)])
    (content,) = given.files.values()
    before = _facts(path, content).operators
    for name, count in found.operators.items():
        if name != OPERATOR and count > before[name]:
            yield f"leaves {count} × {name} to the CPU, and its source has {before[name]}"


@dataclass(frozen=True)
class _Facts:
    """What a file says of itself."""

    inputs: frozenset[_Signature]
    outputs: frozenset[_Signature]
    operators: Counter[str]
    custom: set[str]


def _facts(path: Path, model: bytes) -> _Facts:
    tree = tflite_file.tree_of(path, model)
    try:
        graph = tree.subgraphs[0]
        inputs, outputs = (
            frozenset(_signature(graph.tensors[i]) for i in numbers)
            for numbers in (graph.inputs, graph.outputs)
        )
        names = [tflite_file.operator_name(tree, op)[0] for op in graph.operators]
        return _Facts(inputs, outputs, Counter(names), tflite_file.custom_of(tree))
    except Exception as exc:  # of a damaged file, whatever its bytes make of themselves
        raise ModelError(f"{path}: is a damaged TFLite file") from exc


def _other(verb: str, found: Set[_Signature], infos: Sequence[TensorInfo]) -> Iterator[str]:
    wanted = {_announced(info) for info in infos}
    if found != wanted:
        own, other = sorted(found - wanted), sorted(wanted - found)
        yield f"{verb} {_listed(own)} where its source {verb} {_listed(other)}"


def _signature(tensor: Any) -> _Signature:
    q = tensor.quantization
    scaled = q is not None and q.scale is not None and len(q.scale) == 1
    shape = tuple(int(d) for d in (tensor.shape if tensor.shape is not None else ()))
    scale, zero = (float(q.scale[0]), int(q.zeroPoint[0])) if scaled else (0.0, 0)
    name = (tensor.name or b"").decode("utf-8", "replace")
    return name, shape, tflite_file.type_of(tensor), scale, zero


def _announced(info: TensorInfo) -> _Signature:
    q = info.quantization
    scale, zero = (float(np.float32(q.scale)), q.zero_point) if q else (0.0, 0)
    return info.name, info.shape, info.dtype, scale, zero


def _listed(signatures: list[_Signature]) -> str:
    parts = [
        f"'{name}' {list(shape)} {kind}"
        + (f" of scale {scale:g}, zero point {zero}" if scale else "")
        for name, shape, kind, scale, zero in signatures[:_SHOWN]
    ]
    if len(signatures) > _SHOWN:
        parts.append(f"and {len(signatures) - _SHOWN} more")
    return ", ".join(parts) or "nothing else"


def recompiled(written: Sequence[Written]) -> tuple[list[Written], list[str]]:
    """Artifacts of the compiler made anew of what they were made of, where that is another by now.

    Returns:
        all of them, and why one could not be.
    """
    made, gone = [], []
    sources = {w.artifact.id: w for w in written}
    for item in written:
        source = sources.get(id_of("tflite", "int8", item.artifact.part))
        if not item.artifact.compiled_from or source is None:
            made.append(item)
            continue
        (content,) = source.files.values()
        if hashlib.sha256(content).hexdigest() == item.artifact.compiled_from:
            made.append(item)
            continue
        try:
            made.append(replace(compiled(source), route=item.route))
        except EdgenetsError as exc:
            gone.append(f"{item.artifact.id}: what it was compiled from was made anew; {exc}")
    return made, gone
