"""Weights that PyTorch saved, read without it: right to the bit, and nothing else is run."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.errors import ModelError
from edgenets.torchfile import read_tensors

KINDS = {"f4": "FloatStorage", "f2": "HalfStorage", "f8": "DoubleStorage", "i8": "LongStorage"}


class Saved:
    """An array as PyTorch pickles a tensor: a view of a storage."""

    def __init__(self, array: np.ndarray[Any, Any], key: str) -> None:
        self.base = np.ascontiguousarray(array.T) if array.ndim == 2 else array
        # A matrix is stored the other way round, as a transposed tensor is.
        self.strides = (1, array.shape[0]) if array.ndim == 2 else _strides(array.shape)
        self.array, self.key = array, key

    @property
    def storage(self) -> Storage:
        return Storage(KINDS[self.array.dtype.str[1:]], self.key, self.array.size)

    def __reduce__(self) -> tuple[Any, ...]:
        make = sys.modules["torch._utils"]._rebuild_tensor_v2
        return make, (self.storage, 0, self.array.shape, self.strides, False, OrderedDict())


class Storage:
    def __init__(self, kind: str, key: str, size: int) -> None:
        self.kind, self.key, self.size = kind, key, size


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(np.prod(shape[at + 1 :])) for at in range(len(shape)))


@contextlib.contextmanager
def names_of_torch() -> Iterator[types.ModuleType]:
    """The names that PyTorch's pickles hold, where PyTorch is not installed."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def rebuild(*_: object) -> None: ...

    rebuild.__module__, rebuild.__qualname__, rebuild.__name__ = (
        "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v2",
    )  # fmt: skip
    utils._rebuild_tensor_v2 = rebuild  # type: ignore[attr-defined]
    for kind in KINDS.values():
        setattr(torch, kind, type(kind, (), {"__module__": "torch"}))
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules |= {"torch": torch, "torch._utils": utils}
    try:
        yield torch
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _pickle(found: object, torch: types.ModuleType) -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            if isinstance(obj, Storage):
                return ("storage", getattr(torch, obj.kind), obj.key, "cpu", obj.size)
            return None

    file = io.BytesIO()
    Pickler(file, 2).dump(found)
    return file.getvalue()


def save(
    path: Path, arrays: dict[str, np.ndarray[Any, Any]], legacy: bool, inside: str = ""
) -> Path:
    """Write a file of tensors as PyTorch does, today's or that of before 1.6."""
    with names_of_torch() as torch:
        saved = {name: Saved(array, str(n)) for n, (name, array) in enumerate(arrays.items())}
        found: object = {inside: OrderedDict(saved), "epoch": 3} if inside else OrderedDict(saved)
        index = _pickle(found, torch)
        data = {one.key: one.base.tobytes() for one in saved.values()}
        if legacy:
            head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
            parts = [pickle.dumps(one, 2) for one in head]
            parts += [index, pickle.dumps(list(data), 2)]
            for one in saved.values():
                parts.append(struct.pack("<q", one.array.size) + data[one.key])
            path.write_bytes(b"".join(parts))
            return path
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", index)
            for key, raw in data.items():
                archive.writestr(f"archive/data/{key}", raw)
    return path


ARRAYS = st.dictionaries(
    st.text("abc.", min_size=1, max_size=6),
    st.tuples(
        st.lists(st.integers(1, 4), max_size=4), st.sampled_from(sorted(KINDS)), st.integers(0, 9)
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@given(ARRAYS, st.booleans(), st.sampled_from(["", "state_dict", "model"]))
def test_tensors_are_read_to_the_bit(
    plan: dict[str, tuple[list[int], str, int]], legacy: bool, inside: str
) -> None:
    arrays = {
        name: np.random.default_rng(seed).normal(0, 9, shape).astype(kind)
        for name, (shape, kind, seed) in plan.items()
    }
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"edgenets-{os.getpid()}.pth"
    try:
        found = read_tensors(save(path, arrays, legacy, inside))
    finally:
        path.unlink(missing_ok=True)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and (found[name] == array).all()


def test_batches_are_not_counted(tmp_path: Path) -> None:
    arrays = {"bn.weight": np.ones(3, "f4"), "bn.num_batches_tracked": np.ones((), "i8")}
    assert list(read_tensors(save(tmp_path / "a.pth", arrays, False))) == ["bn.weight"]


class Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch harmed",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pickle.dumps(Harm()), "system, which is no tensor"),
        (b"", "no weights of PyTorch"),
        (b"nonsense", "no weights of PyTorch"),
        (pickle.dumps(5), "neither a zip archive nor begins"),
        (pickle.dumps({"a": 1}), "neither a zip archive nor begins"),
    ],
)
def test_nothing_else_is_run(
    content: bytes, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(ModelError, match=says) as caught:
        read_tensors(tmp_path / "a.pth")
    assert "a.pth" in str(caught.value) and not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("legacy", (True, False))
def test_a_file_that_is_cut_off(legacy: bool, tmp_path: Path) -> None:
    whole = save(tmp_path / "a.pth", {"w": np.arange(60.0).reshape(3, 4, 5)}, legacy).read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        (tmp_path / "b.pth").write_bytes(whole[:length])
        with pytest.raises(ModelError, match=r"b\.pth: no weights of PyTorch that can be read"):
            read_tensors(tmp_path / "b.pth")


def test_a_whole_model_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"epoch": 3}))
    with pytest.raises(ModelError, match=r"save model\.state_dict\(\), not the model itself"):
        read_tensors(tmp_path / "a.pt")


def test_safetensors(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"a.weight": np.arange(6, dtype="f4").reshape(2, 3)}, tmp_path / "a.safetensors")
    assert read_tensors(tmp_path / "a.safetensors")["a.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
