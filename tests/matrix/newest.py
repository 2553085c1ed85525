"""The whole suite with the newest of everything, and a table of what broke: `make newest`.

For a machine that does this every week. The Python is the newest that is here; twins are left out,
since what runs on them has versions of its own.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

from tests.matrix.environment import environment, make_wheel, pythons
from tests.matrix.resolve import Pin, constraints, resolve

SUITE = (
    "-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-q",
    "-m", "not twin and not twin_full", "-p", "no:cacheprovider",
)  # fmt: skip


def main() -> None:
    """Resolve, install, test, and print what is newer than the pins and what failed."""
    version, program = list(pythons().items())[-1]
    pins = resolve(version, ["test", "microwakeword"], "newest")
    console = Console(width=120)
    console.print(newer(version, pins))
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        report = Path(folder) / "report.xml"
        wheel = make_wheel(Path(folder) / "wheel")
        with environment(Path(folder) / "venv", program, pins, wheel) as made:
            done = made.run(*SUITE, f"--junitxml={report}")
        if not report.exists():
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
        table, failed = broken(report)
    console.print(table)
    console.print(done.stdout.strip().splitlines()[-1])
    sys.exit(failed > 0)


def newer(version: str, pins: list[Pin]) -> Table:
    """What came out since the constraints were written."""
    lines = constraints(version).read_text().splitlines()
    known = dict(line.partition(" ")[0].split("==") for line in lines if not line.startswith("#"))
    table = Table("distribution", "tested with", "newest", title=f"Python {version}")
    for pin in pins:
        if known.get(pin.name) != pin.version:
            table.add_row(pin.name, known.get(pin.name, "not needed then"), pin.version)
    return table


def broken(report: Path) -> tuple[Table, int]:
    """Failures by what they say, since one function that is gone fails many tests."""
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):
        for kind in ("failure", "error"):
            found = case.find(kind)
            if found is not None:
                said = (found.get("message") or found.text or "").strip().splitlines() or [""]
                reasons[said[0][:200]].append(f"{case.get('classname')}::{case.get('name')}")
    table = Table("what broke", "tests", "the first", title="Failures")
    for reason, tests in sorted(reasons.items(), key=lambda item: -len(item[1])):
        table.add_row(reason, str(len(tests)), tests[0])
    return table, sum(map(len, reasons.values()))


if __name__ == "__main__":
    main()
