"""Which wheels a board's pip would choose, asked of the index; `make profiles` writes them down.

pip resolves for the board's own tags, without fetching anything: `pip install --dry-run --report`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from edgenets.errors import DeviceError

from . import board as boards
from .board import Board, dotted
from .deploy.wheelhouse import Kind
from .place import OLDEST_PYTHON
from .requirements import packages_of

# Extras that a device may need.
EXTRAS = ("tflite", "onnx", "openvino", "camera", "mic", "web", "mqtt", "text", "antialias")

_PATIENCE = 300.0  # s


def ask(board: Board) -> dict[str, str]:
    """The wheel of each package that has one for a board.

    Where its system's Python is too old, for the oldest that a Python which is brought may have.

    Raises:
        DeviceError: the index is not reached.
    """
    kind = Kind(board.processor.architecture, board.libc, max(board.python, OLDEST_PYTHON))
    found = {}
    for package, versions in packages_of(EXTRAS, kind.python).items():
        if name := _choose(package + versions, kind):
            found[package] = name
    if not found:
        raise DeviceError("the index gave no wheel at all; is it reached?")
    return found


def write_down() -> None:
    """Put into every profile what the index has today."""
    folder = Path(boards.__file__).parent / "profiles"
    for name in boards.names():
        wheels = ask(boards.load(name))
        path = folder / f"{name}.toml"
        text = re.sub(r"\n\[wheels\]\n(?:[^\[\n].*\n)*", "", path.read_text())
        lines = "".join(f'{package} = "{wheel}"\n' for package, wheel in sorted(wheels.items()))
        path.write_text(f"{text.rstrip()}\n\n[wheels]\n{lines}")


def _choose(requirement: str, kind: Kind) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-",
            "--ignore-installed", "--no-deps", "--only-binary=:all:", "--implementation=cp",
            f"--python-version={dotted(kind.python)}", f"--target={folder}",
            "--disable-pip-version-check", *(f"--platform={tag}" for tag in kind.platforms()),
            requirement,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
    if done.returncode:
        return None
    item = json.loads(done.stdout)["install"][0]
    return str(item["download_info"]["url"]).rpartition("/")[2].partition("#")[0]


if __name__ == "__main__":
    write_down()
