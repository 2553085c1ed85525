"""How the code measures against its ceilings: `python -m tests.ceilings`, as `make lint` does.

Counted over the four packages, without tests and docs. A figure past its ceiling is exit code 1;
where one falls, lower its ceiling.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from radon.complexity import cc_visit

ROOT = Path(__file__).parent.parent
PACKAGES = ("edgenets", "converters", "runtime", "devices")

# The words of an earlier dialect; each is a line where it stands in code, comment or text.
_WORDS = re.compile(
    r"\b(pictures?|told|came of|wish(es)?|mend(s|ed|ing)?|roads?|remarks?|artefacts?|nets?|"
    r"elsewhere|foreseen?|nought|colours?|passed over)\b", re.IGNORECASE,
)  # fmt: skip

# Lists of words that data are made of, and names that files of before have.
_WORDS_OF_DATA = {"edgenets/tasks/keywords/words.py", "edgenets/records.py"}


@dataclass(frozen=True)
class Figure:
    """One thing that is counted, and how many of it there may be."""

    name: str
    ceiling: int
    count: Callable[[], int]
    goal: int | None = None  # where the ceiling is not yet what it should be


@cache
def sources() -> dict[str, str]:
    """Every module of the product, by its path from the root."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def lines_with(pattern: str) -> int:
    """Lines in which a pattern stands."""
    found = re.compile(pattern)
    return sum(bool(found.search(line)) for text in sources().values() for line in text.split("\n"))


def complexities() -> list[tuple[int, str]]:
    """Cyclomatic complexity of every function and method, the largest first."""
    return sorted(
        ((block.complexity, f"{path}:{block.lineno} {block.fullname}")
         for path, text in sources().items()
         for block in cc_visit(text) if block.letter in "FM"),
        reverse=True,
    )  # fmt: skip


def above(limit: int) -> int:
    """Functions whose complexity is larger."""
    return sum(number > limit for number, _ in complexities())


def long_signatures() -> list[str]:
    """Functions of more than six parameters; a command's are its options."""
    return [
        f"{path}:{node.lineno} {node.name}"
        for path, node in _functions()
        if not path.startswith("edgenets/cli/") and _parameters(node) > 6
    ]


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, text in sources().items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path, node


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def old_words() -> list[str]:
    """Lines of modules with words that GLOSSARY's readers do not expect."""
    return [
        f"{path}:{number} {line.strip()[:80]}"
        for path, text in sources().items() if path not in _WORDS_OF_DATA
        for number, line in enumerate(text.split("\n"), 1) if _WORDS.search(line)
    ]  # fmt: skip


FIGURES = [
    Figure(
        "lines", 92_000, lambda: sum(text.count("\n") for text in sources().values()), goal=52_500
    ),
    Figure("functions of complexity > 12", 37, lambda: above(12)),
    Figure("functions of complexity > 20", 0, lambda: above(20)),
    Figure("functions of more than 6 parameters", 8, lambda: len(long_signatures())),
    Figure("lines with Any", 350, lambda: lines_with(r"^(?!.*\bimport\b).*\bAny\b")),
    Figure("lines with # fmt: skip", 150, lambda: lines_with("# fmt: skip")),
    Figure("lines with old words", 50, lambda: len(old_words())),
]


def main() -> int:
    """Print the table, and with --list what stands behind some of it."""
    if "--list" in sys.argv:
        print(*(f"{n:3} {name}" for n, name in complexities() if n > 12), sep="\n")
        print(*long_signatures(), *old_words(), sep="\n")
    broken = 0
    for figure in FIGURES:
        count = figure.count()
        broken += count > figure.ceiling
        goal = "" if figure.goal is None else f", goal {figure.goal:,}"
        mark = "  TOO MANY" if count > figure.ceiling else ""
        print(f"{figure.name:<38} {count:>7,} of {figure.ceiling:>7,}{goal}{mark}")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
