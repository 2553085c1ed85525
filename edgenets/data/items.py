"""Items of a user's own for a model of a user's own: `.npy` and `.npz` files."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import OPEN, TensorInfo
from edgenets.errors import DataError

# What the array of what is right may be called in a .npz file.
TARGETS = ("y", "labels", "targets")

# The array of a model's only input may be called so as well.
_ONLY = ("x", "features", "inputs")


@dataclass(frozen=True)
class Items:
    """What a model takes, and perhaps what is right."""

    samples: dict[str, Array]  # (items, …) of every input, in the type that it takes
    targets: Array | None = None  # (items,) labels in integers, or (items, …) values

    def __len__(self) -> int:
        return min(map(len, self.samples.values()))


def read_items(path: Path, inputs: Sequence[TensorInfo]) -> Items:
    """Read items for a model.

    Args:
        path: a `.npy` of (items, …) for a model of one input, or a `.npz` with an array for each
            input by name, and perhaps `y`.
        inputs: of one item each; `OPEN` where any length will do.

    Raises:
        DataError: it cannot be read, or is not what the model takes.
    """
    arrays = _read(path)
    named = ", ".join(filter(None, arrays))
    if len(inputs) == 1:
        _name_the_only(arrays, inputs[0].name)
    for info in inputs:
        if info.name not in arrays:
            raise DataError(f"{path}: {_missing(info, inputs, named)}")
    samples = {info.name: _checked(path, info, arrays.pop(info.name)) for info in inputs}
    found = [arrays.pop(name) for name in TARGETS if name in arrays]
    if arrays:
        raise DataError(
            f"{path}: has {', '.join(arrays)}, which the model does not take; what is right is "
            f"called {TARGETS[0]}"
        )
    counts = {len(values) for values in (*samples.values(), *found)}
    if len(counts) != 1:
        raise DataError(f"{path}: its arrays have {sorted(counts)} items; one number is needed")
    return Items(samples, found[0] if found else None)


def _name_the_only(arrays: dict[str, Array], name: str) -> None:
    """Call the one array that there is as the model's one input, whatever it was called."""
    if name in arrays:
        return
    own = [known for known in (*_ONLY, "") if known in arrays]
    # Files of others have long names.
    own = own or [other for other in arrays if other not in TARGETS]
    if len(own) == 1:
        arrays[name] = arrays.pop(own[0])


def _missing(info: TensorInfo, inputs: Sequence[TensorInfo], named: str) -> str:
    """Why an input has no array."""
    if named:
        return f"has no '{info.name}', which the model takes; it has {named}"
    names = ", ".join(i.name for i in inputs)
    return f"is one array; the model takes {names}, so give a .npz of them"


def _read(path: Path) -> dict[str, Array]:
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        with found:
            return {name: found[name] for name in found.files}
    # An empty file is an EOFError, one that begins like a zip may be a bad one.
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as exc:
        raise DataError(f"{path}: no NumPy array: {exc}") from exc


def _checked(path: Path, info: TensorInfo, values: Array) -> Array:
    named = ", ".join("N" if d == OPEN else str(d) for d in info.shape[1:])
    fits = values.ndim == len(info.shape) and all(
        own in (OPEN, size) for own, size in zip(info.shape[1:], values.shape[1:], strict=True)
    )
    if not fits or not len(values):
        raise DataError(
            f"{path}: '{info.name}' has shape {list(values.shape)}; (items, {named}) is needed"
        )
    floats = np.issubdtype(values.dtype, np.floating)
    whole = np.issubdtype(values.dtype, np.integer) or values.dtype == np.bool_
    if not floats and not whole:
        raise DataError(f"{path}: '{info.name}' holds {values.dtype}; numbers are needed")
    if floats and not np.issubdtype(np.dtype(info.dtype), np.floating):
        raise DataError(f"{path}: '{info.name}' holds {values.dtype}; {info.dtype} is needed")
    if not np.isfinite(values).all():
        raise DataError(f"{path}: '{info.name}' holds values that are not finite numbers")
    return values.astype(info.dtype)
