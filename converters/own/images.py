"""Specs of models of one's own that take images."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

import numpy as np

from edgenets import backend
from edgenets.artifact import TensorInfo
from edgenets.errors import ModelError
from edgenets.tasks.vision.spec import ImageSpec, ImageTask

from .. import store, ultralytics
from ..formats import Written
from ..image_heads import decoding_of
from ..image_import import ImportOptions, adjusted, as_said, ends_in
from ..image_input import Preprocessing, input_of
from ..opened import Opened
from .options import OwnOptions

# Ranges of what models are trained on, and the normalisation that makes each of pixels 0 … 255.
_RANGES = (
    (0.0, 255.0, 0.0, 1.0),
    (0.0, 1.0, 0.0, 255.0),
    (-1.0, 1.0, 127.5, 127.5),
)

# Items fill nearly all of the range that they are of.
_FILLED = 0.8


def spec_of(
    name: str,
    item: Written,
    options: OwnOptions,
    labels: tuple[str, ...],
    origin: store.Origin,
    guesses: list[str],
) -> ImageSpec:
    """The spec of a model of images.

    Args:
        item: the most exact artifact.
        guesses: what is guessed is added here.

    Raises:
        ModelError: its tensors are none of such a model's.
    """
    artifact, task = item.artifact, options.task
    if len(artifact.inputs) != 1 or artifact.states:
        raise ModelError(f"{name}: one input and no state are needed for images")
    said = options.preparation
    kind = cast("ImageTask", task)
    stated = ImportOptions(kind, None, name, outputs=options.outputs, **asdict(said.image))
    known = ultralytics.of_file(Path(origin.path), name)
    if known is not None:
        stated = as_said(Path(name), stated, known, guesses)
        labels, kind = labels or known.labels, known.task
    if not labels:
        raise ModelError(f"{name}: which labels has it? --labels FILE, one a line")
    how = _normalised(stated.images, artifact.inputs[0], origin, guesses)
    frame = input_of(name, artifact.inputs[0], how, guesses)
    session = backend.load(backend.backend_of(artifact), artifact, item.files)
    ends = ends_in(artifact, item.files[artifact.files[0]])
    opened = Opened(artifact, session, frame, ends, stated.outputs, guesses)
    decoding, labels = decoding_of(kind, opened, labels)
    decoding = adjusted(decoding, stated.outputs, known)
    try:
        return ImageSpec(name, kind, labels, frame, decoding)
    except ValueError as exc:
        raise ModelError(f"{name}: {exc}") from exc


def _normalised(
    how: Preprocessing, source: TensorInfo, origin: store.Origin, guesses: list[str]
) -> Preprocessing:
    """The user's normalisation, or that which the calibration items had."""
    if how.mean is not None or how.std is not None or source.quantization is not None:
        return how
    found = _range_of(Path(origin.calibration), source.name) if origin.calibration else None
    for low, high, mean, std in _RANGES:
        wide = high - low
        if found and found[0] >= low and found[1] <= high and found[1] - found[0] > _FILLED * wide:
            guesses.append(
                f"normalisation (pixel − {mean:g}) / {std:g}: the items that it was calibrated on "
                f"lie between {found[0]:.3g} and {found[1]:.3g}"
            )
            return replace(how, mean=(mean,), std=(std,))
    return how


def _range_of(path: Path, name: str) -> tuple[float, float] | None:
    """The least and the largest number of calibration items; None: they are not there."""
    if path.suffix not in (".npy", ".npz"):  # of files, which pixels they are of
        return None
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        values = found if isinstance(found, np.ndarray) else found[name]
        return float(values.min()), float(values.max())
    except (OSError, ValueError, KeyError):
        return None
