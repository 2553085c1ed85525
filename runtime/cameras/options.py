"""The options of a camera's URI: `0?size=1280x720&rate=30&format=MJPG`."""

from __future__ import annotations

import re

from edgenets.errors import SourceError

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


def size(options: dict[str, str]) -> tuple[int, int] | None:
    """The option `size`, width and height in pixels, or None where it is not given."""
    text = options.get("size")
    if text is None:
        return None
    found = _SIZE.fullmatch(text)
    if found is None or not (1 <= int(found[1]) <= 16384 and 1 <= int(found[2]) <= 16384):
        raise SourceError(f"size={text}: width and height in pixels are needed, as in 1280x720")
    return int(found[1]), int(found[2])


def number(options: dict[str, str], name: str, low: float, high: float) -> float | None:
    """A number in a range, or None where it is not given."""
    text = options.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise SourceError(f"{name}={text}: must be {low:g} to {high:g}")
    return value
