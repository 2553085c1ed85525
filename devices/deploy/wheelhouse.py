"""The wheels of an environment, for a board of another architecture than this machine's.

pip chooses and fetches them here; the board needs no network. What was chosen once for a kind of
board is kept, so that the same deployment tomorrow is the same: `refresh` chooses anew.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenets import places
from edgenets.errors import DeviceError

from ..board import dotted
from . import crosspip, ownpython

# The oldest C library that wheels for 64-bit Arm and x86 are made for.
_OLDEST_LIBC = 17

# An index on a slow line; openvino alone is 30 MB.
_PATIENCE = 1800.0  # s


@dataclass(frozen=True)
class Kind:
    """What decides which wheels fit a board."""

    architecture: str  # aarch64, x86_64
    libc: tuple[int, int]  # of glibc
    python: tuple[int, int]

    def platforms(self) -> list[str]:
        """Platform tags that the board can run, best first (PEP 600)."""
        major, minor = self.libc
        tags = [
            f"manylinux_{major}_{m}_{self.architecture}" for m in range(minor, _OLDEST_LIBC - 1, -1)
        ]
        return [*tags, f"manylinux2014_{self.architecture}", f"linux_{self.architecture}"]

    def __str__(self) -> str:
        return f"Python {dotted(self.python)} on {self.architecture}, glibc {dotted(self.libc)}"


@dataclass(frozen=True)
class Supply:
    """Where wheels, and a Python for boards whose own is too old, come from."""

    constraint: Path | None = None  # versions to keep to, a file as pip takes it
    links: Path | None = None  # a folder of wheels, in place of the index
    refresh: bool = False  # choose anew where wheels were chosen before
    python: Path | None = None  # an archive of one

    def own_python(self) -> ownpython.OwnPython | None:
        """The Python that is brought; errors as `ownpython.read`."""
        return ownpython.read(self.python) if self.python else None


def gather(
    own: Path, extras: Sequence[str], kind: Kind, supply: Supply, say: Callable[[str], None]
) -> dict[str, Path]:
    """The wheels of edgenets with `extras` for a kind of board, pip's own among them.

    Args:
        own: the wheel of edgenets itself.

    Returns:
        path by file name.

    Raises:
        DeviceError: a package has no wheel for such a board, or the index is not reached.
    """
    parts = [str(kind), *sorted(extras), _requirements(own)]
    parts += [supply.constraint.read_text() if supply.constraint else "", str(supply.links or "")]
    folder = places.cache("wheels") / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    if supply.refresh or not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        say(f"choosing wheels for {kind}")
        wanted = f"{own}[{','.join(extras)}]" if extras else str(own)
        _download(folder, wanted, kind, supply)
        (folder / "complete").touch()
    chosen = {p.name: p for p in folder.glob("*.whl") if not p.name.startswith("edgenets-")}
    return {**chosen, own.name: own}


def _download(folder: Path, wanted: str, kind: Kind, supply: Supply) -> None:
    other = json.dumps(crosspip.environment(kind.python, kind.architecture))
    command = [
        sys.executable, "-m", crosspip.__name__, other,
        "download", "--quiet", "--disable-pip-version-check",
        "--only-binary=:all:", "--implementation=cp",
        f"--python-version={dotted(kind.python)}",
        *(f"--platform={tag}" for tag in kind.platforms()), f"--dest={folder}",
    ]  # fmt: skip
    if supply.constraint is not None:
        command.append(f"--constraint={supply.constraint}")
    if supply.links is not None:
        command += ["--no-index", f"--find-links={supply.links}"]
    try:
        done = subprocess.run(
            [*command, wanted, "pip"], capture_output=True, text=True, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired as exc:
        raise DeviceError(f"the wheels were not there after {_PATIENCE:.0f} s") from exc
    if done.returncode:
        raise DeviceError(f"no wheels for {kind}: {_reason(done.stderr)}")


def _requirements(own: Path) -> str:
    """What edgenets requires: other requirements need other wheels, other code does not."""
    with zipfile.ZipFile(own) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        text = wheel.read(name).decode()
    return "\n".join(re.findall(r"(?m)^Requires-(?:Dist|Python):.*$", text))


def _reason(text: str) -> str:
    errors = [line for line in text.splitlines() if line.startswith("ERROR:")]
    lines = errors or text.strip().splitlines() or ["pip gave no reason"]
    return lines[-1].removeprefix("ERROR:").strip()
