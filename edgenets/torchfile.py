"""Weights that PyTorch saved, read without PyTorch: `.pth`, `.pt` and `.safetensors`.

A `.pth` is a pickle, and a pickle can run any code: this reader knows what a dictionary of tensors
is made of, and refuses all else.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from edgenets.arrays import Array
from edgenets.errors import ModelError, first_line
from edgenets.extras import require

SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")

# What the first number of a file of before PyTorch 1.6 is.
_MAGIC = 0x1950A86A20F9469CFC6C

_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}

# Where a file keeps its weights among other things that training needs.
_INSIDE = ("state_dict", "model", "model_state_dict", "state_dict_ema", "weights")

# Tensors that count batches, and are no weights.
_COUNTERS = "num_batches_tracked"


@dataclass(frozen=True)
class _Storage:
    """Numbers in a row; tensors are views of them."""

    key: str
    dtype: np.dtype[np.generic]
    size: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in numbers

    def of(self, data: bytes) -> Array:
        """Its numbers, of those of its storage."""
        values = np.frombuffer(data, self.storage.dtype)
        end = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if min(self.strides, default=0) < 0 or not 0 <= self.offset <= end < max(1, len(values)):
            raise ValueError("a tensor reaches beyond its numbers")
        if not math.prod(self.shape):
            return np.zeros(self.shape, self.storage.dtype)
        size = self.storage.dtype.itemsize
        view = np.lib.stride_tricks.as_strided(
            values[self.offset :], self.shape, [s * size for s in self.strides]
        )
        return np.array(view)


def read_tensors(path: Path) -> dict[str, Array]:
    """The tensors of a file by name, in its order, without those that only count batches.

    Raises:
        ModelError: it cannot be read, or holds something else than tensors.
    """
    try:
        found = _safe(path) if path.suffix == ".safetensors" else _pickled(path)
    except ModelError:
        raise
    except Exception as exc:  # of a damaged file, whatever its bytes make of themselves
        raise ModelError(
            f"{path}: no weights of PyTorch that can be read: {first_line(exc)}"
        ) from exc
    return {name: array for name, array in found.items() if not name.endswith(_COUNTERS)}


def _safe(path: Path) -> dict[str, Array]:
    numpy = require("safetensors.numpy")
    loaded: dict[str, Array] = numpy.load_file(path)
    return loaded


def _pickled(path: Path) -> dict[str, Array]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            index = next(name for name in names if name.endswith("data.pkl"))
            root = index.removesuffix("data.pkl")
            with archive.open(index) as file:
                tensors = _tensors(_Unpickler(file).load(), path)
            return _filled(tensors, lambda key: archive.read(f"{root}data/{key}"))
    with path.open("rb") as file:
        if _Unpickler(file).load() != _MAGIC:
            raise ValueError("it is neither a zip archive nor begins as PyTorch's files do")
        for _ in range(2):  # version, and what a number is on the machine that wrote it
            _Unpickler(file).load()
        reader = _Unpickler(file)
        tensors = _tensors(reader.load(), path)
        keys = _Unpickler(file).load()
        data: dict[str, bytes] = {}
        for key in keys:
            storage = reader.storages[key]
            if int.from_bytes(file.read(8), "little") != storage.size:
                raise ValueError("a storage is not as long as it says")
            data[key] = file.read(storage.size * storage.dtype.itemsize)
        return _filled(tensors, data.__getitem__)


def _filled(tensors: Mapping[str, _Tensor], data: Callable[[str], bytes]) -> dict[str, Array]:
    return {name: tensor.of(data(tensor.storage.key)) for name, tensor in tensors.items()}


def _tensors(found: object, path: Path) -> dict[str, _Tensor]:
    """The dictionary of tensors that a file holds, alone or among other things."""
    for key in (None, *_INSIDE):
        inner = found if key is None else found.get(key) if isinstance(found, dict) else None
        if isinstance(inner, dict):
            tensors = {str(n): t for n, t in inner.items() if isinstance(t, _Tensor)}
            if tensors:
                return tensors
    raise ModelError(
        f"{path}: holds no dictionary of tensors; save model.state_dict(), not the model itself"
    )


class _Unpickler(pickle.Unpickler):
    """Reads dictionaries of tensors, and nothing that runs code."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> object:
        """What a file may name: an ordered dictionary, a tensor, a kind of storage."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(
            f"it holds {module}.{name}, which is no tensor; save model.state_dict() alone"
        )

    def persistent_load(self, pid: object) -> _Storage:
        """A storage as it is named in a pickle."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise pickle.UnpicklingError("it names what is no storage")
        _, kind, key, _, size, *_ = pid
        storage = _Storage(str(key), np.dtype(_DTYPES[kind]), int(size))
        self.storages[str(key)] = storage
        return storage


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))
