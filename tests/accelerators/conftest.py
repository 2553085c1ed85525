"""A bundle to attach to, and an accelerator's compiler and library, there or not."""

from __future__ import annotations

import ctypes
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgenets import zoo
from edgenets.bundle import Bundle
from edgenets.converters.accelerators import edgetpu_compiler
from tests.accelerators import stand_ins

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A shipped bundle, as one's own."""
    shutil.copy(zoo.load("kws-gru").path, tmp_path / "kws.edge")
    return Bundle(tmp_path / "kws.edge")


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / edgetpu_compiler.COMPILER
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.accelerators.compiler "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No compiler on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def tpu() -> Iterator[None]:
    with stand_ins.plugged("libedgetpu.so.1"):
        yield


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ctypes.CDLL]:
    with stand_ins.gpu(monkeypatch, tmp_path / "cache") as library:
        yield library
