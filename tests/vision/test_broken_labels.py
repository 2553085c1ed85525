"""Labels broken on purpose: right, or named; never misread."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edgenets.errors import DataError
from edgenets.tasks.vision.data import layouts
from edgenets.tasks.vision.data.catalogue import Catalogue

from . import sets


# What is done to a file of labels; each makes of it what nobody can take for another label.
def _cut(text: str, rng: random.Random) -> str:
    if text[0] not in "{[<":  # lines: whole ones are right
        lines = text.splitlines()
        at = rng.randrange(len(lines))
        lines[at] = " ".join(lines[at].split()[: rng.randrange(1, 5)]).removeprefix("names:")
        return "\n".join(lines)
    return text[: rng.randrange(len(text) // 4, len(text) * 3 // 4)]


def _of_a_number(made: Callable[[str], str]) -> Callable[[str, random.Random], str]:
    """Another text in place of one number."""

    def broken(text: str, rng: random.Random) -> str:
        found = list(re.finditer(r"(?<![\w.])-?\d+\.?\d*(?:e-?\d+)?(?![\w.])", text))
        at = rng.choice(found)
        return text[: at.start()] + made(at.group()) + text[at.end() :]

    return broken


def _without_a_key(text: str, rng: random.Random) -> str:
    found = list(re.finditer(r'"[a-z_]+":|<\w+>|\b\w+="', text))
    if not found:
        return _cut(text, rng)
    at = rng.choice(found)
    return (
        text[: at.start()] + at.group().replace(at.group().strip('"<>=:'), "zz") + text[at.end() :]
    )


BREAKS: dict[str, Callable[[str, random.Random], str]] = {
    "cut off": _cut,
    "a word for a number": _of_a_number(lambda n: "many"),
    "far away": _of_a_number(lambda n: f"{float(n) + 5e7:g}"),
    "not a number": _of_a_number(lambda n: "nan"),
    "below zero": _of_a_number(lambda n: f"-{abs(float(n)) + 400:g}"),
    "no number": _of_a_number(lambda n: ""),
    "another key": _without_a_key,
}

SEEDS = range(6)

# All but folders, which have no files of labels, and masks, which are images.
LABEL_FILES = tuple(name for name in layouts.LAYOUTS if name not in ("folders", "masks"))


@pytest.mark.parametrize("layout", LABEL_FILES)
@pytest.mark.parametrize("name", BREAKS)
def test_broken_labels_are_never_misread(name: str, layout: str, tmp_path: Path) -> None:
    """Whatever is broken: every image has the boxes that it had, or something is said."""
    root = sets.WRITERS[layout](tmp_path / "set", 4)
    task = layouts.LAYOUTS[layout].tasks[0]
    files = sorted(
        p for p in root.rglob("*") if p.suffix in (".txt", ".json", ".xml", ".yaml") and p.is_file()
    )
    right = _as_read(layouts.read(root, task))
    for seed in SEEDS:
        rng = random.Random(f"{layout} {name} {seed}")
        file = rng.choice(files)
        before = file.read_text()
        broken = BREAKS[name](before, rng)
        file.write_text(broken)
        try:
            found = layouts.read(root, task)
        except DataError:
            pass
        else:
            assert found.faults or _as_read(found) == right, broken
        file.write_text(before)


def _as_read(found: Catalogue) -> dict[str, list[tuple[object, ...]]]:
    return {
        f"{item.split} {item.path.name}": sorted(
            (t.label, *(round(side, 3) for side in (t.left, t.top, t.right, t.bottom)))
            for t in item.things
        )
        for item in found.images
    }
