"""Every Python × pinned, newest and lowest versions × every command: `python -m tests.matrix`.

    python -m tests.matrix                         # all, about 45 minutes on two cores
    python -m tests.matrix 3.13 --only lowest      # one of them

Nothing else should run meanwhile: the demonstration's time is part of the table.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import click
from rich.console import Console
from rich.table import Table

from tests.matrix.environment import environment, make_wheel, pythons
from tests.matrix.resolve import RESOLUTIONS, Resolution, Unresolvable, resolve

# Everything that a user may install. What boards alone have (tflite-runtime) is not for laptops.
EXTRAS = ("all", "microwakeword")

SMOKE = "tests/matrix/smoke.py"


@dataclass(frozen=True)
class Cell:
    """What one environment came to."""

    python: str
    resolution: str
    passed: int
    failed: tuple[str, ...]
    demo: float  # s
    seconds: float
    numpy: str = ""
    opencv: str = ""
    tensorflow: str = ""


@click.command()
@click.argument("versions", nargs=-1)
@click.option("--only", type=click.Choice(RESOLUTIONS), multiple=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for the output of pytest.")
def main(versions: tuple[str, ...], only: tuple[Resolution, ...], keep: Path | None) -> None:
    """Run the matrix, print its table, and exit with 1 if anything failed."""
    programs = pythons()
    wanted = versions or tuple(programs)
    if lost := [version for version in wanted if version not in programs]:
        raise click.UsageError(f"not on this machine: Python {', '.join(lost)}")
    keep = keep or Path(tempfile.mkdtemp(prefix="edgenets-matrix-"))
    keep.mkdir(parents=True, exist_ok=True)
    cells = []
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        wheel = make_wheel(Path(folder) / "wheel")
        for version in wanted:
            for resolution in only or RESOLUTIONS:
                cell = run(version, programs[version], resolution, wheel, Path(folder), keep)
                print(
                    f"{version} {resolution}: {cell.passed} passed", *cell.failed, file=sys.stderr
                )
                cells.append(cell)
    show(cells)
    print(f"output of pytest: {keep}")
    sys.exit(any(cell.failed for cell in cells))


def run(
    version: str, program: Path, resolution: Resolution, wheel: Path, folder: Path, keep: Path
) -> Cell:
    """One environment, and the smoke of every command in it."""
    started = time.monotonic()
    report = keep / f"{version}-{resolution}.xml"
    try:
        pins = resolve(version, EXTRAS, resolution)
        with environment(folder / "venv", program, pins, wheel) as made:
            done = made.run(
                "-m", "pytest", SMOKE, "-q", "-p", "no:cacheprovider", f"--junitxml={report}"
            )
    except Unresolvable as exc:
        return Cell(version, resolution, 0, (str(exc),), 0.0, time.monotonic() - started)
    report.with_suffix(".log").write_text(done.stdout + done.stderr)
    versions = {pin.name: pin.version for pin in pins}
    passed, failed, demo = read(report) if report.exists() else (0, (done.stderr[-500:],), 0.0)
    return Cell(
        version, resolution, passed, failed, demo, time.monotonic() - started, versions["numpy"],
        versions["opencv-python-headless"], versions["tensorflow"],
    )  # fmt: skip


def read(report: Path) -> tuple[int, tuple[str, ...], float]:
    """Of a JUnit report: how many passed, what failed, and the seconds of the demonstration."""
    passed, failed, demo = 0, [], 0.0
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.get("name", "")
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif case.find("skipped") is None:
            passed += 1
        if name == "test_it_runs[demo]":
            demo = float(case.get("time", 0))
    return passed, tuple(failed), demo


def show(cells: list[Cell]) -> None:
    """The table."""
    names = (
        "Python",
        "versions",
        "numpy",
        "opencv",
        "tensorflow",
        "passed",
        "failed",
        "demo",
        "all",
    )
    table = Table(*names)
    for cell in cells:
        table.add_row(
            cell.python, cell.resolution, cell.numpy, cell.opencv, cell.tensorflow,
            str(cell.passed), ", ".join(cell.failed) or "0", f"{cell.demo:.0f} s",
            f"{cell.seconds / 60:.1f} min",
        )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
