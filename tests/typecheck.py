"""mypy over the four folders as the one package that they install as: `python -m tests.typecheck`.

Types then hold across the border between the ground and the stages: a misspelt keyword of a
stage's function is an error in the command that calls it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
STAGES = ("converters", "runtime", "devices")


def main() -> None:
    """Link the folders into one, check it, and print places as they are in the checkout."""
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        package = Path(folder) / "edgenets"
        package.mkdir()
        for path in [*(ROOT / "edgenets").iterdir(), *(ROOT / stage for stage in STAGES)]:
            (package / path.name).symlink_to(path)
        command = [
            sys.executable, "-m", "mypy", "-p", "edgenets", "--config-file",
            str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache"), *sys.argv[1:],
        ]  # fmt: skip
        env = {**os.environ, "MYPYPATH": folder}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        inside = line.startswith(tuple(f"edgenets/{stage}/" for stage in STAGES))
        print(line.removeprefix("edgenets/") if inside else line)
    sys.stderr.write(done.stderr)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
