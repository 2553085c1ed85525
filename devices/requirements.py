"""The packages that extras of edgenets bring, as its own metadata has them."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable

_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[(?P<of>[^\]]*)\])?"
    r"(?P<versions>[^;]*)(?:;(?P<condition>.*))?"
)
_PYTHON = re.compile(r"python_version\s*(?P<sign><|>=)\s*['\"](?P<version>\d+\.\d+)['\"]")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")


def packages_of(extras: Iterable[str], python: tuple[int, int]) -> dict[str, str]:
    """What edgenets with these extras requires directly.

    Args:
        python: of the board; some packages are wanted in other versions, or not at all, by it.

    Returns:
        the versions that will do, by the package's name as wheels have it, in alphabetical order.

    Raises:
        importlib.metadata.PackageNotFoundError: edgenets is not installed.
    """
    lines = importlib.metadata.requires("edgenets") or []
    return dict(sorted(_packages(lines, {"", *extras}, python).items()))


def _packages(lines: list[str], extras: set[str], python: tuple[int, int]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        match = _LINE.fullmatch(line.strip())
        if match is None:
            continue
        extra = _EXTRA.search(match["condition"] or "")
        if (extra[1] if extra else "") not in extras or not _is_for(match["condition"], python):
            continue
        name = re.sub(r"[-_.]+", "_", match["name"]).lower()
        if name == "edgenets":  # one extra that brings others
            more = {part.strip() for part in (match["of"] or "").split(",")} - extras
            found |= _packages(lines, extras | more, python) if more else {}
        else:
            found[name] = match["versions"].strip().strip("()")
    return found


def _is_for(condition: str | None, python: tuple[int, int]) -> bool:
    """Whether a requirement's condition holds for a Python; edgenets asks for no other things."""
    for found in _PYTHON.finditer(condition or ""):
        major, minor = found["version"].split(".")
        if (python < (int(major), int(minor))) != (found["sign"] == "<"):
            return False
    return True
