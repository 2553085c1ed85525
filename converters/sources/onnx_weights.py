"""Weights of an ONNX file that lie in files beside it, as exporters of PyTorch write them.

A device never reads such a file: its artifacts hold their weights. Where a model is converted,
files are read that lie in its own folder or below it, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgenets.errors import ModelError
from edgenets.extras import require

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

# Seen in no model of a device; files that say so are broken or hostile.
_LARGEST = 1 << 30  # bytes

# Of `TensorProto.DataLocation`.
_EXTERNAL = 1


def take_in(path: Path, model: ModelProto) -> tuple[Path, ...]:
    """Put the weights that lie beside a file into the model.

    Args:
        path: of the file; weights are found from its folder.
        model: what is in it; changed in place.

    Returns:
        the files that they were in, each once.

    Raises:
        ModelError: they lie outside of the folder, are not there, or are shorter than said.
    """
    contents: dict[Path, bytes] = {}
    for tensor in _outside(model):
        said = {entry.key: entry.value for entry in tensor.external_data}
        file = _found(path, tensor.name, said.get("location", ""))
        if file not in contents:
            if file.stat().st_size + sum(map(len, contents.values())) > _LARGEST:
                raise ModelError(f"{file}: is larger than any model of a device")
            contents[file] = file.read_bytes()
        data = contents[file]
        try:
            start = int(said.get("offset", 0))
            size = int(said.get("length", len(data) - start))
        except ValueError as exc:
            raise ModelError(f"{path}: weights '{tensor.name}': {exc}") from exc
        if start < 0 or size < 0 or start + size > len(data):
            raise ModelError(
                f"{file}: has {len(data):,} bytes; weights '{tensor.name}' are said to end at "
                f"{start + size:,}: it is cut off, or another file"
            )
        if size != (wanted := _bytes_of(tensor)):
            raise ModelError(
                f"{file}: weights '{tensor.name}' have {size:,} bytes there, and {wanted:,} in the "
                f"model: it is another file"
            )
        tensor.raw_data = data[start : start + size]
        tensor.ClearField("data_location")
        del tensor.external_data[:]
    return tuple(contents)


def _bytes_of(tensor: TensorProto) -> int:
    """How large a tensor is by its own dimensions and type."""
    dtype = require("onnx").helper.tensor_dtype_to_np_dtype(tensor.data_type)
    size: int = math.prod(tensor.dims) * int(dtype.itemsize)
    return size


def _outside(model: ModelProto) -> Iterator[TensorProto]:
    """Weights that are said to lie elsewhere; those in attributes stay there, and are refused."""
    for tensor in model.graph.initializer:
        if tensor.data_location == _EXTERNAL:
            yield tensor


def _found(path: Path, name: str, location: str) -> Path:
    """The file of some weights, in the model's own folder."""
    folder = path.parent.resolve()
    file = folder / location
    if not location or Path(location).is_absolute() or not file.resolve().is_relative_to(folder):
        raise ModelError(
            f"{path}: weights '{name}' lie in '{location}', which is not in its folder: refused"
        )
    if not file.is_file():
        raise ModelError(
            f"{path}: weights '{name}' lie in '{location}' beside it, which is not there; keep "
            f"both files together"
        )
    return file.resolve()
