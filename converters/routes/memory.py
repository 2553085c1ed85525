"""Models that are in memory: a Keras model with layers of one's own, a PyTorch module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import OPEN, Format, Precision
from edgenets.errors import ConversionError, ModelError, first_line
from edgenets.extras import require

from ..formats import Converted
from ..own.options import Preparation, Raw
from ..sources import keras_file, torch_file
from ..sources.source import Source
from ..step.convert import convert as convert_steps
from .conversion import convert_source
from .converter import Job
from .folder import convert_file, job_of

if TYPE_CHECKING:
    import keras
    import torch

# Where models that are only in memory are said to be.
_NOWHERE = "memory"

_ITEMS = "calibration.npy"

# A batch of one would be taken for a size that never changes.
_TRACED = 2


def source_of(
    model: keras.Model | torch.nn.Module,
    examples: Array | Sequence[torch.Tensor] | None,
    folder: Path | None,
) -> Source:
    """A model as a source.

    Args:
        examples: tensors that a module takes, or items of which the first ones are tried.
        folder: that it is saved into, to be verified later; None: it is not.

    Raises:
        ModelError: it cannot be exported, or it is neither.
    """
    kinds = {f"{c.__module__}.{c.__qualname__}" for c in type(model).__mro__}
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    if "torch.nn.modules.module.Module" in kinds:
        return _of_module(model, examples, folder)
    if not any(kind.startswith("keras.") for kind in kinds):
        raise ModelError(f"{type(model).__name__} is neither a Keras model nor a PyTorch module")
    path = (folder or Path(_NOWHERE)) / f"{model.name}.keras"
    if folder is not None:
        model.save(path)
    return keras_file.source_of(model, path)


def _of_module(
    module: torch.nn.Module,
    examples: Array | Sequence[torch.Tensor] | None,
    folder: Path | None,
) -> Source:
    torch, name = require("torch"), type(module).__name__
    if examples is None:
        raise ModelError(f"{name}: give a tuple of tensors that it takes, or items to calibrate on")
    if isinstance(examples, np.ndarray):
        examples = (torch.from_numpy(examples[:_TRACED].copy()),)
    given = tuple(examples) if isinstance(examples, (tuple, list)) else (examples,)
    try:
        axes = [{0: torch.export.Dim.AUTO} for _ in given]
        program = torch.export.export(module.eval(), given, dynamic_shapes=axes)
    except Exception as exc:  # it raises what the module raises
        raise ModelError(f"{name}: torch.export cannot trace it: {first_line(exc)}") from exc
    path = (folder or Path(_NOWHERE)) / f"{name}.pt2"
    if folder is not None:
        torch.export.save(program, str(path))
    return torch_file.source_of_program(program, path)


def convert(
    source: Source,
    calibration: Array | None,
    to: Sequence[Format],
    precisions: Sequence[Precision],
    folder: Path | None,
) -> Converted:
    """Convert a model that is in memory; see `edgenets.api.models.convert`."""
    if source.kind == "keras" and folder is None and OPEN in source.inputs[0].shape:
        return convert_steps(source.model, calibration, to, precisions)
    if len(source.inputs) > 1 and calibration is not None:
        raise ConversionError(f"{source.name}: takes several inputs; calibrate it from a .npz file")
    if folder is not None:
        return _filed(source, calibration, to, precisions, folder)
    (first, *_) = source.inputs
    samples = None if calibration is None else {first.name: np.asarray(calibration, first.dtype)}
    return convert_source(Job(source, samples), to, precisions)


def _filed(
    source: Source,
    calibration: Array | None,
    to: Sequence[Format],
    precisions: Sequence[Precision],
    folder: Path,
) -> Converted:
    """By way of its file, with the items beside it, so that it can be verified as any other."""
    items = None
    if calibration is not None:
        items = folder / _ITEMS
        np.save(items, calibration)
    return convert_file(job_of(source.path, Raw(items, Preparation())), folder, to, precisions)
