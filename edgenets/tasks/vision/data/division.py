"""Which images train, which choose the model, and which are kept to judge it.

What a set says of its splits holds. What it leaves open is divided by labels, and images of one
burst stay together: they show one thing, and a test split of what was trained on proves nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import SPLITS, Split, SplitShares, split_of, stratified
from edgenets.errors import DataError
from edgenets.extras import require
from edgenets.tasks.vision.data.catalogue import Catalogue, Labelled, name_in

# A thumbnail's bits (Krawetz 2013, “dHash”): whether each of its pixels is darker than the next.
_SIDE = 8

# Neighbours of a burst differ in fewer of them; two images of one scene that do not, in most.
_ALIKE = 10  # of 64

# A camera counts: numbers near each other are of one person or place, though in folders of other
# labels. Blocks of ten stay whole where each label has as many in every split.
_BLOCKS_A_SPLIT = 2


@dataclass(frozen=True)
class Division:
    """The images of each split."""

    parts: dict[Split, tuple[Labelled, ...]]
    digest: str  # of the images and their labels
    said: str  # how they were divided, for people

    def part(self, split: Split) -> tuple[Labelled, ...]:
        """Those of one split."""
        return self.parts[split]


def divide(catalogue: Catalogue, shares: SplitShares, root: Path) -> Division:
    """Divide a set.

    Args:
        shares: fractions of what the set leaves open, and by which rule.
        root: of the set; names of images count from it.

    Raises:
        DataError: it was to be divided as another set was.
    """
    if shares.by == "hash":
        return _by_hash(catalogue, shares)
    digest = _digest(catalogue, root)
    if shares.divided not in ("", digest):
        raise DataError(
            f"{root}: holds other images or labels than the set that training divided, so that "
            f"nobody can say what of it was trained on; leave the split out, or give the set as "
            f"it was"
        )
    stated = {item.path: _as_meant(item.split, catalogue, shares) for item in catalogue.images}
    own = [name for name in ("validation", "test") if name in stated.values()]
    validation = 0.0 if "validation" in own else shares.validation
    test = 0.0 if "test" in own else shares.test
    open = [item for item in catalogue.images if stated[item.path] in (None, "train")]
    groups = groups_of(open, validation, test) if validation or test else []
    placed = _placed(open, groups, validation, test) if groups else {}
    parts = _parts((placed.get(p.path, stated[p.path] or "train"), p) for p in catalogue.images)
    return Division(parts, digest, _said(parts, own, groups))


def _parts(images: Iterable[tuple[Split, Labelled]]) -> dict[Split, tuple[Labelled, ...]]:
    parts: dict[Split, list[Labelled]] = {split: [] for split in SPLITS}
    for split, item in images:
        parts[split].append(item)
    return {split: tuple(part) for split, part in parts.items()}


def _said(
    parts: Mapping[Split, Sequence[Labelled]], own: Sequence[str], groups: Sequence[str]
) -> str:
    """How a set was divided, for people."""
    how = [f"{' and '.join(own)} as the set has it"] if own else []
    if len(set(groups)) < len(groups):
        how.append(f"images of {len(set(groups)):,} bursts or scenes kept together")
    said = ", ".join(f"{len(part):,} {split}" for split, part in parts.items())
    return f"{said} ({'; '.join(how)})" if how else said


def _as_meant(split: Split | None, catalogue: Catalogue, shares: SplitShares) -> Split | None:
    """What a split of the set is, where it may be the second of two."""
    if split == "validation" and shares.second == "test":
        return "validation" if any(p.split == "test" for p in catalogue.images) else "test"
    return split


def _placed(
    images: Sequence[Labelled], groups: Sequence[str], validation: float, test: float
) -> dict[Path, Split]:
    counts: dict[str, Counter[str]] = {}
    for item, group in zip(images, groups, strict=True):
        counts.setdefault(group, Counter()).update(item.labels)
    splits = stratified(counts, validation, test)
    return {item.path: splits[group] for item, group in zip(images, groups, strict=True)}


def groups_of(images: Sequence[Labelled], validation: float, test: float) -> list[str]:
    """What must not be divided, a name for each image: bursts, copies, and blocks of neighbours in
    number where there are enough of them.
    """
    ties = _Ties(len(images))
    prints = [thumbprint(item.path) for item in images]
    same: dict[int, int] = {}
    for number, print in enumerate(prints):
        if print is not None:
            ties.tie(number, same.setdefault(print, number))
    order = sorted(range(len(images)), key=lambda n: (images[n].path.parent, *_key(images[n])))
    for one, other in pairwise(order):
        if _follows(images[one], images[other]) and _near(prints[one], prints[other]):
            ties.tie(one, other)
    for number, first in enumerate(_blocks(images, validation, test)):
        ties.tie(number, first)
    firsts = [ties.first(number) for number in range(len(images))]
    return [f"{images[n].path.parent.name}/{images[n].path.name}" for n in firsts]


def _blocks(images: Sequence[Labelled], validation: float, test: float) -> list[int]:
    """The first of the block that each image is in by its number, where blocks can be divided."""
    first: dict[str, int] = {}
    holders: dict[str, set[str]] = {}
    for number, item in enumerate(images):
        first.setdefault(item.group, number)
        for label in item.labels:
            holders.setdefault(label, set()).add(item.group)
    least = min((share for share in (validation, test) if share), default=0.0)
    fewest = min(map(len, holders.values()), default=0)
    if least * fewest < _BLOCKS_A_SPLIT:
        return list(range(len(images)))
    return [first[item.group] for item in images]


def _key(item: Labelled) -> tuple[str, int]:
    prefix, number = item.number
    return prefix, -1 if number is None else number


def _follows(one: Labelled, other: Labelled) -> bool:
    """Whether the second was taken next, by its name."""
    (prefix, number), (also, next) = one.number, other.number
    if one.path.parent != other.path.parent or prefix != also:
        return False
    return number is not None and next is not None and next - number <= 2


def _near(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and (one ^ other).bit_count() <= _ALIKE


def thumbprint(path: Path) -> int | None:
    """64 bits that images of one scene have nearly in common; None where there is no image."""
    cv2 = require("cv2")
    try:
        small = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_4)
    except (OSError, cv2.error):
        return None
    return None if small is None else print_of(small)


def print_of(grey: NDArray[np.uint8]) -> int:
    """64 bits of an image's light, (rows, columns) uint8."""
    cv2 = require("cv2")
    small = cv2.resize(grey, (_SIDE + 1, _SIDE), interpolation=cv2.INTER_AREA)
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes(), "big")


class _Ties:
    """Numbers that belong together, by pairs (union–find)."""

    def __init__(self, count: int) -> None:
        self._of = list(range(count))

    def tie(self, one: int, other: int) -> None:
        """These two belong together, and all that belong to them."""
        first, second = sorted((self.first(one), self.first(other)))
        self._of[second] = first

    def first(self, number: int) -> int:
        """The least of those that it belongs to."""
        while self._of[number] != number:
            self._of[number] = self._of[self._of[number]]
            number = self._of[number]
        return number


def _digest(catalogue: Catalogue, root: Path) -> str:
    """Of the names of images, what they show and the splits that the set says."""
    lines = sorted(
        f"{name_in(root, item.path)} {item.split} {sorted(item.labels.items())}"
        for item in catalogue.images
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _by_hash(catalogue: Catalogue, shares: SplitShares) -> Division:
    """As sets were divided once: each block of ten by a hash of its name. Where a set has no test
    split, its validation split is that.
    """
    stated = {p.split for p in catalogue.images}
    test = shares.test
    renamed: dict[Split | None, Split | None] = {}
    if "test" not in stated and "validation" in stated:
        renamed, test = {"validation": "test", "train": None}, 0.0
    elif "validation" not in stated and "test" in stated:
        renamed, test = {"train": None}, 0.0

    def of(item: Labelled) -> Split:
        split = renamed.get(item.split, item.split)
        return split or split_of(item.group, shares.validation, test)

    return Division(_parts((of(item), item) for item in catalogue.images), "", "")
