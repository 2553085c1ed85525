"""Images below a folder, found by the names that annotations give them.

An annotation names its image as the tool that wrote it knew it: by its name, by a path on another
machine, with backslashes, by an address. What of such a path is a path here as well, from its end
on, is the image.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from edgenets.tasks.vision.image import is_image

# What Label Studio puts before the name of an uploaded file.
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")


class Images:
    """The images below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def every(self) -> list[Path]:
        """All of them, in order."""
        return sorted(p for p in self.root.rglob("*") if is_image(p) and p.is_file())

    @cached_property
    def _named(self) -> dict[str, list[Path]]:
        named: dict[str, list[Path]] = {}
        for path in self.every:
            named.setdefault(path.name, []).append(path)
        for path in self.every:  # some annotations leave the suffix away
            if path.stem not in named or named[path.stem][0].stem == path.stem:
                named.setdefault(path.stem, []).append(path)
        return named

    def find(self, name: str, near: Path, words: Sequence[str] = ()) -> Path:
        """The image of such a name.

        Args:
            near: the folder of the annotation.
            words: of folders that the image rather lies in, where there are several of its name.

        Raises:
            LookupError: there is none, or it could be several; the text says so.
        """
        parts = _parts(name)
        if not parts:
            raise LookupError(f"{name!r} is no name of an image")
        found = self._named.get(parts[-1], [])
        if not found:
            found = self._named.get(_UPLOADED.sub("", parts[-1]), [])
        if not found:
            raise LookupError(f"its image {name} is missing")
        fitting: tuple[Callable[[Path], int], ...] = (
            lambda path: _alike(path, parts),
            lambda path: int(path.parent in (near, near / "images")),
            lambda path: len(set(path.relative_to(self.root).parts) & set(words)),
        )
        for fits in fitting:
            most = max(map(fits, found))
            found = [path for path in found if fits(path) == most]
        if len(found) > 1:
            both = " or ".join(str(path.relative_to(self.root)) for path in found[:2])
            raise LookupError(f"its image {name} could be {both}")
        return found[0]


def _parts(name: str) -> tuple[str, ...]:
    """The parts of a path, an address, or Label Studio's `/data/local-files/?d=PATH`."""
    if "://" in name or "?d=" in name:
        address = urlsplit(name)
        name = parse_qs(address.query).get("d", [unquote(address.path)])[0]
    return tuple(
        p for p in PurePosixPath(name.replace("\\", "/")).parts if p not in ("/", ".", "..")
    )


def _alike(path: Path, parts: Sequence[str]) -> int:
    """How many parts of two paths are the same, from the end on."""
    count = 0
    for own, other in zip(reversed(path.parts), reversed(parts), strict=False):
        if own != other:
            break
        count += 1
    return count
