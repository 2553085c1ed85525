"""Items of a user's own for a model of a user's own: `.npy` and `.npz` files."""

from __future__ import annotations

import importlib
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import OPEN, TensorInfo
from edgenets.errors import DataError, first_line
from edgenets.limits import PACKED, UNFOLDED

# What the array of what is right may be called in a .npz file.
TARGETS = ("y", "labels", "targets")

# The array of a model's only input may be called so as well.
_ONLY = ("x", "features", "inputs")


# How a .npy file begins.
_NPY = b"\x93NUMPY"

# No model has so many inputs.
_MOST_ARRAYS = 1000


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
        _check_size(path)
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        with found:
            return {name: found[name] for name in found.files}
    except DataError:
        raise
    except Exception as exc:  # of a damaged file, whatever its bytes make of themselves
        raise DataError(f"{path}: no NumPy array: {first_line(exc)}") from exc


def _check_size(path: Path) -> None:
    """Refuse what takes far more memory than its file, by what the headers of its arrays say.

    Raises:
        DataError: it does.
        OSError, ValueError, EOFError, zipfile.BadZipFile: it is no array.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            unfolded = _bytes_of(file) if file.read(6) == _NPY else 0
            if unfolded > size:
                raise ValueError(f"says that it holds {unfolded:,} bytes, and has {size:,}")
            return
    unfolded = 0
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > _MOST_ARRAYS:
            raise DataError(f"{path}: {len(entries):,} arrays; up to {_MOST_ARRAYS} are read")
        for entry in entries:
            with archive.open(entry) as member:
                said = _bytes_of(member) if member.read(6) == _NPY else 0
            unfolded += max(said, entry.file_size)
    if unfolded > PACKED * size:
        UNFOLDED.check(unfolded / 1e6, str(path), "unfolds to")


def _bytes_of(file: IO[bytes]) -> int:
    """How large the array is whose header follows its mark; errors as `_check_size`."""
    version = tuple(file.read(2))
    if len(version) != 2:
        raise ValueError("its header is cut off")
    # Of the third version NumPy has no reader of its own; it is the second one in UTF-8. Neither is
    # typed in all releases of NumPy.
    numpy_format = importlib.import_module("numpy.lib.format")
    read = f"read_array_header_{'1_0' if version == (1, 0) else '2_0'}"
    shape, _, dtype = getattr(numpy_format, read)(file)
    size: int = math.prod(shape) * dtype.itemsize
    return size


def _checked(path: Path, info: TensorInfo, values: Array) -> Array:
    named = ", ".join(["items", *("N" if d == OPEN else str(d) for d in info.item)])
    fits = values.ndim == len(info.item) + 1 and all(
        own in (OPEN, size) for own, size in zip(info.item, values.shape[1:], strict=True)
    )
    if not fits or not len(values):
        raise DataError(
            f"{path}: '{info.name}' has shape {list(values.shape)}; ({named}) is needed"
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
