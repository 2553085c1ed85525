"""Coral's compiler, where it is installed, and what it says.

It is closed, for x86-64 Linux alone, and comes from Coral's own package index.
Source of its options: coral.ai/docs/edgetpu/compiler.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from edgenets.errors import ConversionError, MissingExtra

from .said import Said, Share

COMPILER = "edgetpu_compiler"
ENDING = "_edgetpu.tflite"

# It gives up by itself after 180 s; what is beyond hangs.
_PATIENCE = 600.0  # s

_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

_VERSION = re.compile(r"^Edge TPU Compiler version (\S+)", re.M)
_ROW = re.compile(r"^([A-Z][A-Z0-9_]*)\s+(\d+)\s+(\S.*?)\s*$", re.M)
_SIZE = r"^{}:\s*(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB)\s*$"
_PARTS = re.compile(r"^Number of Edge TPU subgraphs:\s*(\d+)", re.M)


def parse(log: str) -> Said:
    """What the compiler says on stdout with `-s`, or in its `.log` file.

    Of a line that is not there, nothing is known.
    """
    version, parts = _VERSION.search(log), _PARTS.search(log)
    return Said(
        version[1] if version else "",
        tuple(Share(name, int(count), status) for name, count, status in _ROW.findall(log)),
        _bytes(log, "On-chip memory used for caching model parameters"),
        _bytes(log, "Off-chip memory used for streaming uncached model parameters"),
        int(parts[1]) if parts else None,
    )


def is_here() -> bool:
    """Whether the compiler is on the PATH."""
    return shutil.which(COMPILER) is not None


def command(model: str, folder: str | None = None) -> str:
    """What to type to compile a file into a folder; None: beside it."""
    return shlex.join([COMPILER, "-s", "-o", folder or str(Path(model).parent), model])


def instructions(model: str) -> str:
    """What to do where the compiler is not on the PATH."""
    return (
        f"{COMPILER} is not on the PATH; where it is (x86-64 Linux, from Coral's packages: apt-get "
        f"install edgetpu-compiler), type: {command(model)}"
    )


def compile(model: bytes, stem: str) -> tuple[bytes, Said]:
    """Compile a `.tflite` file of eight-bit integers.

    Args:
        stem: what the file is called in messages.

    Raises:
        MissingExtra: the compiler is not on the PATH; what to type where it is.
        ConversionError: it refuses the file, or nothing of it can be mapped.
    """
    if not is_here():
        raise MissingExtra(instructions(f"{stem}.tflite"))
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        source = Path(folder) / f"{stem}.tflite"
        source.write_bytes(model)
        done = _run(shlex.split(command(str(source), folder)))
        made = Path(folder) / f"{stem}{ENDING}"
        said = parse(done.stdout)
        if done.returncode or not made.is_file():
            lines = [x for x in (done.stdout + done.stderr).splitlines() if x.strip()]
            ended = f"exit {done.returncode}" if done.returncode else f"it wrote no {made.name}"
            raise ConversionError(f"{COMPILER} refuses {stem}: {' '.join(lines[-2:]) or ended}")
        if said.shares and not said.mapped:
            why = "; ".join(f"{s.operator}: {s.status}" for s in said.shares[:3])
            raise ConversionError(f"{COMPILER} mapped nothing of {stem} ({why})")
        return made.read_bytes(), said


def _run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            arguments, capture_output=True, text=True, errors="replace", timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired as exc:
        raise ConversionError(f"{COMPILER}: still not done after {_PATIENCE:.0f} s") from exc
    except OSError as exc:
        raise ConversionError(f"{COMPILER}: cannot be started: {exc}") from exc


def _bytes(log: str, caption: str) -> int | None:
    found = re.search(_SIZE.format(re.escape(caption)), log, re.M)
    return round(float(found[1]) * _UNITS[found[2]]) if found else None
