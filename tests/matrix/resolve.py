"""Which versions of the dependencies an environment gets: pinned, newest or lowest; asked of uv."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "pyproject.toml"

Resolution = Literal["pinned", "newest", "lowest"]
RESOLUTIONS: tuple[Resolution, ...] = ("pinned", "newest", "lowest")

# uv takes the lowest versions of what pyproject.toml names, and the newest of what those need.
_STRATEGIES = {"pinned": "highest", "newest": "highest", "lowest": "lowest-direct"}


class Unresolvable(Exception):
    """No set of versions fits; the message is uv's reason."""


@dataclass(frozen=True)
class Pin:
    """A distribution in one version."""

    name: str
    version: str
    size: int  # bytes of its wheel for this kind of machine; 0 where that is not known

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def constraints(python: str) -> Path:
    """The pins of a Python, such as "3.12"."""
    return ROOT / "constraints" / f"{python}.txt"


def supported() -> tuple[str, ...]:
    """The Pythons that have pins, the newest last."""
    found = [path.stem for path in (ROOT / "constraints").glob("3.*.txt")]
    return tuple(sorted(found, key=lambda version: int(version.partition(".")[2])))


def resolve(
    python: str, extras: Iterable[str], resolution: Resolution, keep: Sequence[str] = ()
) -> list[Pin]:
    """The distributions that `pip install edgenets[extras]` takes.

    Args:
        python: such as "3.12"; it need not be on this machine.
        keep: more constraints, as pip writes them: "numpy<2".

    Raises:
        Unresolvable: no versions fit together.
    """
    command = [
        "pip", "compile", str(PROJECT), "--format", "pylock.toml", "--python-version", python,
        "--resolution", _STRATEGIES[resolution], "--only-binary", ":all:", "--no-header",
    ]  # fmt: skip
    for extra in extras:
        command += ["--extra", extra]
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        out, kept = Path(folder) / "pylock.toml", Path(folder) / "constraints.txt"
        lines = list(keep)
        if resolution == "pinned":
            lines += constraints(python).read_text().splitlines()
        kept.write_text("\n".join(lines) + "\n")
        uv(*command, "--constraint", kept, "--output-file", out)
        found = tomllib.loads(out.read_text())["packages"]
    names = [package for package in found if "version" in package]
    tags = {str(tag) for tag in _tags(python)}
    return [Pin(p["name"], p["version"], _size(p.get("wheels", []), tags)) for p in names]


def uv(*arguments: object) -> str:
    """What a call of uv prints; it downloads no Python.

    Raises:
        Unresolvable: it ends with an error.
    """
    command = [sys.executable, "-m", "uv", "--no-python-downloads", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Unresolvable(done.stderr.strip())
    return done.stdout


def _tags(python: str) -> Iterable[object]:
    version = tuple(map(int, python.split(".")))
    yield from cpython_tags(version)
    yield from compatible_tags(version)


def _size(wheels: list[dict[str, object]], tags: set[str]) -> int:
    """Bytes of the wheel that pip takes here."""
    for wheel in wheels:
        file = str(wheel.get("name") or str(wheel["url"]).rpartition("/")[2])
        file = re.sub(r"%2B", "+", file)
        if {str(tag) for tag in parse_wheel_filename(file)[3]} & tags:
            return int(str(wheel.get("size", 0)))
    return 0
