"""What a labeled set of images says: the images, what is on them, and what is wrong with it.

A reader of a layout makes a `Catalogue`. Annotations that cannot be right are
never trained on: they are clipped or left out, and each such fault is kept with
the file that it is in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgenets.data.split import Split
from edgenets.errors import DataError

# What of a box may lie outside the image, as a rounding error, and goes unsaid.
_ROUNDING = 1.0  # pixels

# A box that is thinner than this shows nothing.
_THINNEST = 1.0  # pixels

# The last number of a file's name, which cameras count.
_NUMBER = re.compile(r"(\d{1,9})\D*$")

# Images whose numbers fall into one block of so many were taken one after another, often of one
# thing: divided, they would make a test split of what was trained on.
_BLOCK = 10


@dataclass(frozen=True)
class Thing:
    """An object that somebody drew a box or an outline around."""

    label: str
    left: float  # pixels of the image, from its left edge
    top: float
    right: float
    bottom: float
    # Its own pixels, as pycocotools packs run lengths of the whole image; empty: only the box is
    # known, or no mask is wanted.
    pixels: bytes = b""


@dataclass(frozen=True)
class Labelled:
    """An image, and what its task wants to know of it."""

    path: Path
    split: Split | None = None  # as the set itself says; None: by `group`
    label: str = ""  # of the whole image
    things: tuple[Thing, ...] = ()
    mask: Path | None = None  # an image of one number a pixel
    painted: bool = False  # its things are to be a mask, in place of one
    ignored: tuple[bytes, ...] = ()  # pixels that are left out of account; see `Thing.pixels`

    @property
    def group(self) -> str:
        """What must not be divided between splits: a block of neighbours, else the image."""
        prefix, number = self.number
        return self.path.stem if number is None else f"{prefix}{number // _BLOCK}"

    @property
    def number(self) -> tuple[str, int | None]:
        """The number at the end of its name, and what stands before; None: it has none."""
        number = _NUMBER.search(self.path.stem)
        if number is None:
            return self.path.stem, None
        return self.path.stem[: number.start()], int(number.group(1))

    @property
    def labels(self) -> Counter[str]:
        """What it shows, each as often; one empty label where that is nothing."""
        found = Counter(thing.label for thing in self.things)
        if self.label:
            found[self.label] += 1
        return found or Counter([""])


@dataclass(frozen=True)
class Fault:
    """An annotation that cannot be right, and what was done about it."""

    file: Path
    text: str
    line: int = 0  # of the file, from 1 on; 0: it has none

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


@dataclass(frozen=True)
class Where:
    """The place of an annotation."""

    file: Path
    line: int = 0
    entry: str = ""  # such as `annotation 7`, where lines do not say which

    def fault(self, text: str) -> Fault:
        """What is wrong there."""
        return Fault(self.file, f"{self.entry}: {text}" if self.entry else text, self.line)


@dataclass(frozen=True)
class Catalogue:
    """A set of labeled images."""

    images: tuple[Labelled, ...]
    labels: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    layout: str = ""  # its name in `layouts.LAYOUTS`

    def restricted(self, labels: Sequence[str], root: Path) -> Catalogue:
        """The same with these labels alone, in this order.

        Raises:
            DataError: the set has no such label.
        """
        if missing := sorted(set(labels) - set(self.labels)):
            raise DataError(
                f"{root}: has no label {', '.join(missing)}; it has {', '.join(self.labels)}"
            )
        kept = [
            replace(p, things=tuple(t for t in p.things if t.label in labels))
            for p in self.images
            if not p.label or p.label in labels
        ]
        return replace(self, images=tuple(kept), labels=tuple(labels))

    def given(self) -> tuple[str, ...]:
        """The labels that its images have, sorted."""
        return tuple(sorted({label for p in self.images for label in p.labels} - {""}))

    def counts(self) -> dict[str, int]:
        """How often each label comes."""
        found = Counter(p.label for p in self.images if p.label)
        found.update(t.label for p in self.images for t in p.things)
        return {label: found[label] for label in self.labels}


def checked_box(
    thing: Thing, width: int, height: int, where: Where
) -> tuple[Thing | None, Fault | None]:
    """A box that lies in its image, or None, and what was wrong with it.

    Args:
        width: of the image, pixels.
        height: likewise.
        where: it stands.
    """
    box = f"{thing.label} at {thing.left:g}, {thing.top:g} … {thing.right:g}, {thing.bottom:g}"
    numbers = (thing.left, thing.top, thing.right, thing.bottom)
    if not all(abs(n) < 1e7 for n in numbers):  # also false of NaN
        return None, where.fault(f"{box} is no box; left out")
    if thing.right - thing.left < _THINNEST or thing.bottom - thing.top < _THINNEST:
        return None, where.fault(f"{box} has no area; left out")
    left, top = max(thing.left, 0.0), max(thing.top, 0.0)
    right, bottom = min(thing.right, float(width)), min(thing.bottom, float(height))
    if right - left < _THINNEST or bottom - top < _THINNEST:
        return None, where.fault(f"{box} lies outside the image of {width} × {height}; left out")
    inside = replace(thing, left=left, top=top, right=right, bottom=bottom)
    moved = max(left - thing.left, top - thing.top, thing.right - right, thing.bottom - bottom)
    if moved <= _ROUNDING:
        return inside, None
    return inside, where.fault(f"{box} reaches out of the image of {width} × {height}; clipped")


def head_of(file: Path, length: int = 1 << 16) -> bytes:
    """How a file begins, without what marks UTF-8; nothing of what cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(length).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError:
        return b""


def name_in(root: Path, path: Path) -> str:
    """What an image is called in a set, by its folder or by the file that holds its labels."""
    base = root.parent if root.is_file() else root
    return path.relative_to(base).as_posix() if base in path.parents else path.name


class ByStem:
    """The images of a folder by their names without suffix."""

    def __init__(self, folder: Path, what: str = "image") -> None:
        """`what` they are, for messages."""
        from edgenets.tasks.vision.image import is_image

        self._named: dict[str, list[Path]] = {}
        self._folder, self._what = folder, what
        for path in sorted(folder.iterdir()):
            if is_image(path) and path.is_file():
                self._named.setdefault(path.stem, []).append(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def find(self, stem: str) -> Path:
        """The one image of a name.

        Raises:
            DataError: there is none, or there are several.
        """
        found = self._named.get(stem, [])
        if not found:
            raise DataError(f"its {self._what} {self._folder.name}/{stem}.* is missing")
        if len(found) > 1:
            raise DataError(f"its {self._what} could be {' or '.join(path.name for path in found)}")
        return found[0]
