"""The packages that extras of edgenets bring, as its own metadata has them."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable

_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[(?P<of>[^\]]*)\])?"
    r"(?P<versions>[^;]*)(?:;(?P<condition>.*))?"
)
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")


def packages_of(extras: Iterable[str]) -> dict[str, str]:
    """What edgenets with these extras requires directly.

    Returns:
        the versions that will do, by the package's name as wheels have it, in alphabetical order.

    Raises:
        importlib.metadata.PackageNotFoundError: edgenets is not installed.
    """
    lines = importlib.metadata.requires("edgenets") or []
    return dict(sorted(_packages(lines, {"", *extras}).items()))


def _packages(lines: list[str], extras: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        match = _LINE.fullmatch(line.strip())
        if match is None:
            continue
        extra = _EXTRA.search(match["condition"] or "")
        if (extra[1] if extra else "") not in extras:
            continue
        name = re.sub(r"[-_.]+", "_", match["name"]).lower()
        if name == "edgenets":  # one extra that brings others
            more = {part.strip() for part in (match["of"] or "").split(",")} - extras
            found |= _packages(lines, extras | more) if more else {}
        else:
            found[name] = match["versions"].strip().strip("()")
    return found
