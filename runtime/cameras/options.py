"""The options of a camera's URI: `0?size=1280x720&rate=30&format=MJPG`."""

from __future__ import annotations

import re
from dataclasses import replace

from edgenets.errors import DataError, SourceError
from edgenets.painter import harmless
from edgenets.tasks.vision.image import Rules
from edgenets.uri import split_options

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


def whole(options: dict[str, str], name: str, low: int, high: int) -> int | None:
    """A whole number in a range, or None where it is not given."""
    text = options.get(name)
    if text is None:
        return None
    if not text.isdecimal() or not low <= int(text) <= high:
        raise SourceError(f"{name}={harmless(text)}: a whole number of {low} to {high} is needed")
    return int(text)


def rules(given: dict[str, str], most_pixels: int) -> Rules:
    """What images of a source may be like: by its options, else by the environment.

    Args:
        most_pixels: the limit where neither says one.

    Raises:
        SourceError: an option or a variable is not a number that makes sense.
    """
    try:
        usual = Rules.from_environment(most_pixels)
    except DataError as exc:
        raise SourceError(str(exc)) from exc
    return replace(
        usual,
        most_pixels=whole(given, "max-pixels", 1, 1 << 40) or usual.most_pixels,
        depth=whole(given, "depth", 8, 16) or usual.depth,
    )


def of_images(rest: str) -> tuple[str, dict[str, str]]:
    """A file, folder or glob, and the options behind its last '?', which globs have as well."""
    found = re.search(r"\?((?:max-pixels|depth)=.*)$", rest)
    if found is None:
        return rest, {}
    return split_options(rest, ("max-pixels", "depth"), "depth=12")


def without_limit(url: str) -> tuple[str, dict[str, str]]:
    """A URL, and the option `max-pixels` of its query, which is not the server's."""
    found = re.search(r"[?&]max-pixels=([^&#]*)", url)
    if found is None:
        return url, {}
    rest = url[found.end() :]
    joint = found[0][0] if rest.startswith("&") else ""
    return url[: found.start()] + joint + rest.removeprefix("&"), {"max-pixels": found[1]}
