"""Accelerators that are not there: their libraries, as far as edgenets speaks to them.

A library is compiled from C and loaded before anybody asks for it; who asks for its name then gets
it. It stays in the process, and says that no accelerator is there but inside of `plugged`.
"""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from edgenets.bundle import Bundle
from edgenets.converters.formats import Written

HERE = Path(__file__).parent
SITE = HERE / "site"

_SWITCHES = {"libcuda.so.1": "stand_in_gpus", "libedgetpu.so.1": "stand_in_tpus"}


@cache
def library(name: str) -> ctypes.CDLL:
    """A stand-in, by the name that is asked for."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to make a stand-in with")
    # What is loaded stays when its file is gone.
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        source, made = HERE / f"{name.partition('.')[0]}.c", Path(folder) / name
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-w", f"-Wl,-soname,{name}", "-o", made, source],
            check=True,
        )
        return ctypes.CDLL(str(made), mode=ctypes.RTLD_GLOBAL)


@contextmanager
def plugged(name: str) -> Iterator[ctypes.CDLL]:
    """An accelerator that is there."""
    found = library(name)
    switch = ctypes.c_int.in_dll(found, _SWITCHES[name])
    switch.value = 1
    try:
        yield found
    finally:
        switch.value = 0


def int8_of(bundle: Bundle) -> Written:
    """The artifact of a bundle that is compiled."""
    artifact = bundle.artifact("tflite-int8")
    return Written(artifact, bundle.files(artifact))


def as_if_compiled(written: Written) -> Written:
    """An artifact as one for the Edge TPU; the stand-in's delegate leaves all of it to the CPU."""
    (content,) = written.files.values()
    artifact = replace(
        written.artifact, format="edgetpu", compiled_from=hashlib.sha256(content).hexdigest()
    )
    return Written(artifact, written.files)


@contextmanager
def gpu(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> Iterator[ctypes.CDLL]:
    """A GPU with TensorRT, here and in the processes that are started here."""
    from edgenets.runtime import cuda

    monkeypatch.syspath_prepend(str(SITE))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_folder))
    with plugged("libcuda.so.1") as found:
        cuda.name_of_gpu.cache_clear()
        # A process that is started asks neither for a GPU nor for the library: it builds alone.
        monkeypatch.setenv("PYTHONPATH", str(SITE))
        try:
            yield found
        finally:
            cuda.name_of_gpu.cache_clear()
