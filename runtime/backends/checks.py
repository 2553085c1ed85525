"""What every backend asks of its files and inputs before third-party code sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from edgenets import backend
from edgenets.arrays import Array
from edgenets.artifact import Artifact, TensorInfo
from edgenets.errors import BackendError


def file_of(artifact: Artifact, files: Mapping[str, bytes], number: int = 0) -> bytes:
    """The bytes of an artifact's file.

    Raises:
        BackendError: the file was not given.
    """
    name = artifact.files[number]
    if name not in files:
        raise BackendError(f"{artifact.id}: the file {name} is missing")
    return bytes(files[name])


def taken_dtype(info: TensorInfo) -> np.dtype[Any]:
    """The type in which a caller gives an input: its own, or float32 where it is quantized."""
    return np.dtype(info.dtype if info.quantization is None else np.float32)


def check_inputs(artifact: Artifact, inputs: Mapping[str, Array]) -> None:
    """Refuse inputs that an artifact does not take, with a message that names them.

    Raises:
        BackendError: an input is missing, unknown, or of another shape or type.
    """
    for name, value in inputs.items():
        if not isinstance(value, np.ndarray):
            raise BackendError(f"input '{name}' is a {type(value).__name__}; an array is needed")
    backend.check_inputs(artifact, inputs)
    for info in artifact.inputs:
        found, wanted = inputs[info.name].dtype, taken_dtype(info)
        if found != wanted:
            raise BackendError(f"input '{info.name}' is of type {found}; {wanted} is needed")


def check_nothing_left_out(artifact: Artifact, found: Iterable[str]) -> None:
    """Refuse a file with inputs that its artifact leaves out: they would never be written.

    Args:
        found: names of all inputs that the file has.

    Raises:
        BackendError: it has more than the artifact announces.
    """
    announced = {i.name for i in (*artifact.inputs, *artifact.sequence_inputs)}
    announced |= {link.input.name for link in artifact.states}
    left_out = sorted(set(found) - announced)
    if left_out:
        raise BackendError(
            f"{artifact.files[0]}: takes {', '.join(left_out)}, which its artifact leaves out"
        )
