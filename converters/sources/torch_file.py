"""PyTorch models: `.pt2` files of torch.export, and TorchScript.

Each is exported to ONNX by PyTorch itself, and answers in PyTorch. Nothing is unpickled that could
run code: a file of weights alone, or of a whole pickled module, is refused with what to do.
"""

from __future__ import annotations

import contextlib
import io
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import TensorInfo
from edgenets.errors import ModelError, first_line
from edgenets.extras import require
from edgenets.native import quiet_logging

from ..whole.samples import one_by_one
from . import onnx_file
from .source import Answers, Shapes, Source

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch.export import ExportedProgram

Module = Callable[..., object]

# How a model is exported; the three lines that a message gives.
_EXPORT = """\
    model = YourNetwork(); model.load_state_dict(torch.load("weights.pth")); model.eval()
    program = torch.export.export(model, (torch.randn(1, …),))  # an input as the model takes it
    torch.export.save(program, "model.pt2")"""

# What the exporter of TorchScript writes; operators of PyTorch are all in it.
_OPSET = 17

# What older exporters call the batch.
_BATCH = "batch"


def read(path: Path, shapes: Shapes) -> Source:
    """See `source.open_source`."""
    kind = _kind_of(path)
    if kind == "weights":
        raise ModelError(
            f"{path}: holds weights, or a pickled module, not what is computed with them (and "
            f"unpickling it would run code of its author). Export it from Python:\n{_EXPORT}"
        )
    require("torch")
    if kind == "program":
        return source_of_program(_loaded(path), path)
    return _of_script(path, shapes)


def source_of_program(program: ExportedProgram, path: Path) -> Source:
    """A model that torch.export made.

    Args:
        path: where it came from, or is to be called as.

    Raises:
        ModelError: PyTorch cannot export it to ONNX.
    """
    torch = require("torch")
    with _exporting(path):
        model = torch.onnx.export(program, dynamo=True).model_proto
    return _source(path, model, program.module())


def _of_script(path: Path, shapes: Shapes) -> Source:
    torch = require("torch")
    try:
        module = torch.jit.load(str(path), map_location="cpu").eval()
    except Exception as exc:  # PyTorch raises what its reader raises
        raise ModelError(f"{path}: PyTorch cannot read it: {first_line(exc)}") from exc
    names = [i.debugName() for i in module.graph.inputs()][1:]
    if set(shapes) - {"", *names} or len(shapes) != len(names):
        raise ModelError(
            f"{path}: a TorchScript file does not say of which size its inputs are; give --shape "
            + " ".join(f"{name}=N,N" for name in names)
            + ", of one item each, without the batch"
        )
    sizes = [shapes.get(name, shapes.get("", ())) for name in names]
    examples = tuple(torch.zeros(1, *size) for size in sizes)
    content = io.BytesIO()
    with _exporting(path):
        options = {"dynamo": False, "opset_version": _OPSET, "input_names": names}
        options["dynamic_axes"] = {name: {0: _BATCH} for name in names}
        torch.onnx.export(module, examples, content, **options)
    model = require("onnx").load_model_from_string(content.getvalue())
    return _source(path, model, module)


def _source(path: Path, model: ModelProto, module: Module) -> Source:
    """A model as ONNX, that answers in PyTorch."""
    source = onnx_file.source_of(path, model)
    return replace(source, answer=_answering(path, module, source.inputs, source.outputs))


def _answering(
    path: Path, module: Module, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> Callable[[Mapping[str, Array]], Answers]:
    """What PyTorch makes of items, one by one."""
    torch = require("torch")
    names = [info.name for info in outputs]

    def run(given: Mapping[str, Array]) -> Answers:
        tensors = [torch.from_numpy(np.ascontiguousarray(values)) for values in given.values()]
        try:
            with torch.no_grad():
                found = torch.utils._pytree.tree_leaves(module(*tensors))
        except Exception as exc:  # PyTorch raises what the model raises
            raise ModelError(f"{path}: PyTorch cannot compute it: {first_line(exc)}") from exc
        return dict(zip(names, (np.asarray(t) for t in found), strict=True))

    return lambda given: one_by_one(run, given, inputs)


def _kind_of(path: Path) -> str:
    """`program`, `script` or `weights`, by what is in the archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] or name for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile) as exc:
        with path.open("rb") as file:  # before version 1.6 files of weights were no archives
            if file.read(2) == b"\x80\x02":
                return "weights"
        raise ModelError(f"{path}: is no file of PyTorch, or a damaged one: {exc}") from exc
    if any(name.startswith(("models/", "serialized_exported_program")) for name in names):
        return "program"
    return "script" if any(name.startswith("code/") for name in names) else "weights"


def _loaded(path: Path) -> ExportedProgram:
    try:
        with quiet_logging():
            program: ExportedProgram = require("torch").export.load(str(path))
            return program
    except Exception as exc:  # PyTorch raises what its reader raises
        raise ModelError(
            f"{path}: PyTorch cannot read it: {first_line(exc)}. A .pt2 file is read by the "
            f"release that wrote it, or a later one"
        ) from exc


@contextlib.contextmanager
def _exporting(path: Path) -> Iterator[None]:
    """Export without chatter; what fails is the model's.

    Raises:
        ModelError: it does.
    """
    try:
        with quiet_logging(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except Exception as exc:  # the exporters raise what they raise
        raise ModelError(f"{path}: PyTorch cannot export it to ONNX: {first_line(exc)}") from exc
