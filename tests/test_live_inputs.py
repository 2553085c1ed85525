"""Every row of docs/live-inputs.md names a test that is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]

ROW = re.compile(r"^\|(.+)\|(.+)\|(.+)\|$")
NAMED = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)*)`")


@cache
def defined_in(path: str) -> frozenset[str]:
    """Tests and classes of a file: `::TestOne`, `::TestOne::test_a`, `::test_b`."""
    found: set[str] = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found.add(f"::{node.name}")
            found |= {
                f"::{node.name}::{one.name}"
                for one in node.body if isinstance(one, ast.FunctionDef)
            }  # fmt: skip
        elif isinstance(node, ast.FunctionDef):
            found.add(f"::{node.name}")
    return frozenset(found)


def rows() -> list[tuple[str, str]]:
    """The condition and the tests of each row."""
    text = (ROOT / "docs" / "live-inputs.md").read_text(encoding="utf-8")
    found = []
    for line in text.split("\n"):
        row = ROW.match(line)
        if row and not set(row[1]) <= set("-: ") and row[3].strip() != "test":
            found.append((row[1].strip(), row[3]))
    return found


def test_every_row_is_held_by_a_test_that_is_there() -> None:
    assert len(rows()) > 100
    missing = []
    for condition, cell in rows():
        named = NAMED.findall(cell)
        if not named:
            missing.append(f"{condition}: no test is named: {cell}")
        for path, name in named:
            if not (ROOT / path).is_file() or (name and name not in defined_in(path)):
                missing.append(f"{condition}: there is no {path}{name}")
    assert not missing, "\n".join(missing)


def test_it_is_one_page() -> None:
    text = (ROOT / "docs" / "live-inputs.md").read_text(encoding="utf-8")
    assert len(re.findall(r"(?m)^# ", text)) == 1
