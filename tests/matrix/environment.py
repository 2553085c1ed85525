"""Environments with the Pythons of this machine, made by uv and removed again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.matrix.resolve import ROOT, Pin, supported, uv

# What of the checkout makes the package.
_SOURCES = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "edgenets",
    "converters",
    "runtime",
    "devices",
)


def pythons() -> dict[str, Path]:
    """The supported Pythons of this machine: version → program."""
    places = [*map(Path, os.environ["PATH"].split(os.pathsep))]
    places += sorted((Path.home() / ".pyenv" / "versions").glob("*/bin"))
    found: dict[str, Path] = {}
    for version in supported():
        for place in places:
            program = place / f"python{version}"
            if program.exists() and _works(program):  # pyenv's shims of others do not
                found.setdefault(version, program)
    return found


def _works(program: Path) -> bool:
    return subprocess.run([program, "-c", "import venv"], capture_output=True).returncode == 0


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, *arguments: object) -> None:
        """As `pip install` with these arguments.

        Raises:
            Unresolvable: it cannot be installed.
        """
        uv("pip", "install", "--quiet", "--python", self.python, *arguments)

    def run(
        self, *arguments: object, timeout: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run its Python in the checkout's root, where `edgenets` is the installed one.

        Raises:
            subprocess.TimeoutExpired: it was ended after `timeout` seconds.
        """
        unset = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
        env = {name: value for name, value in os.environ.items() if name not in unset}
        return subprocess.run(
            [self.python, *map(str, arguments)], cwd=ROOT, env=env, capture_output=True, text=True,
            timeout=timeout,
        )  # fmt: skip


@contextmanager
def environment(
    folder: Path, program: Path, pins: Sequence[Pin], wheel: Path
) -> Iterator[Environment]:
    """An environment with these versions, edgenets, and what runs the tests; removed at the end.

    Raises:
        Unresolvable: a version cannot be installed.
    """
    made = Environment(folder)
    uv("venv", "--quiet", "--clear", "--python", program, folder)
    try:
        listed = folder / "pins.txt"
        listed.write_text("".join(f"{pin}\n" for pin in pins))
        made.install("--only-binary", ":all:", "-r", listed)
        made.install("--no-deps", wheel)
        made.install("-c", listed, "pytest", "pytest-xdist", "hypothesis", "packaging")
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_wheel(folder: Path) -> Path:
    """The wheel of the working tree, built from a copy, so that nothing is left in the tree."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name in _SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    uv("build", "--quiet", "--wheel", "--out-dir", folder, source)
    (wheel,) = folder.glob("edgenets-*.whl")
    return wheel
