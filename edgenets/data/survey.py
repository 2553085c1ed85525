"""What a set of data holds, and what of it a training would stumble over.

A task's room reads a set (`Task.survey`); what is found there is the same for all: labels with few
items, items that are there twice, and above all items of one split that are nearly those of
another, by which a test proves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import SPLITS, Split

# A label with fewer items can hardly be divided into three splits, and learned.
FEWEST = 10

# Times that the largest label may have what the smallest has.
UNBALANCED = 10

# Bits of two prints that differ, of 64: up to this they are of nearly the same item.
NEAR = 4

# Correlation of their details, beyond which they are.
_ALIKE = 0.99

# Items of one kind that a finding names.
_NAMED = 5

# Prints that are compared at once.
_BLOCK = 512

Kind = Literal["fault", "leak", "twice", "near", "few", "unbalanced", "missing", "odd"]

# What a training should not be begun with.
SEVERE: frozenset[Kind] = frozenset({"fault", "leak"})


@dataclass(frozen=True)
class Item:
    """One item of a set."""

    name: str
    labels: Counter[str]
    split: Split | None = None  # that the set says
    content: str = ""  # a digest of what it holds; empty: not known
    print: int | None = None  # 64 bits that nearly the same items have nearly in common
    # Numbers that say more of it: nearly the same items have them in nearly the same proportion.
    detail: NDArray[np.float32] | None = field(default=None, compare=False)
    faults: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()  # what is no fault, and yet worth a look


@dataclass(frozen=True)
class Survey:
    """What was read."""

    layout: str
    unit: str  # what items are: images, recordings, texts, rows
    items: tuple[Item, ...]
    faults: tuple[str, ...] = ()  # of the set's files
    notes: tuple[str, ...] = ()  # how it was read
    # An item as HTML, by its number, for a page that people look at; None: there is none.
    preview: Callable[[int], str] | None = field(default=None, compare=False)

    @property
    def splits(self) -> list[str]:
        """The splits that its items are in, in order; `open` where the set does not say."""
        found = {item.split or "open" for item in self.items}
        return [name for name in (*SPLITS, "open") if name in found]

    @property
    def labels(self) -> Counter[str]:
        """How often each label comes."""
        found = sum((item.labels for item in self.items), Counter[str]())
        found.pop("", None)
        return found

    def counts(self) -> dict[str, dict[str, int]]:
        """How often each label comes in each split; `open` is what the set does not say."""
        found: dict[str, Counter[str]] = {label: Counter() for label in sorted(self.labels)}
        for item in self.items:
            for label, count in item.labels.items():
                if label:
                    found[label][item.split or "open"] += count
        return {label: dict(counts) for label, counts in found.items()}


@dataclass(frozen=True)
class Finding:
    """Something about a set that its owner should know."""

    kind: Kind
    text: str
    items: tuple[str, ...] = ()

    @property
    def severe(self) -> bool:
        """Whether a training should not be begun with it."""
        return self.kind in SEVERE


def findings_of(survey: Survey) -> list[Finding]:
    """What there is to say of a set, the severe things first."""
    found = [Finding("fault", text) for text in survey.faults]
    found += _by_text("fault", [(text, i.name) for i in survey.items for text in i.faults])
    found += _by_text("odd", [(text, i.name) for i in survey.items for text in i.odd])
    found += _twins(survey)
    found += _shares(survey)
    return sorted(found, key=lambda finding: not finding.severe)


def _by_text(kind: Kind, said: Sequence[tuple[str, str]]) -> list[Finding]:
    """What is said of items, each thing once."""
    names: dict[str, list[str]] = {}
    for text, name in said:
        names.setdefault(text, []).append(name)
    return [
        Finding(kind, f"{len(own):,} × {text}", tuple(own[:_NAMED])) for text, own in names.items()
    ]


def _twins(survey: Survey) -> list[Finding]:
    """Items that are the same, or nearly: between splits they are leaks."""
    found: list[Finding] = []
    pairs = _same_pairs(survey.items)
    found += _divided(pairs, "the same", "twice")
    near = [(a, b) for a, b in near_pairs(survey.items) if a.content != b.content or not a.content]
    found += _divided(near, "nearly the same", "near")
    other = [(a, b) for a, b in pairs if _main(a) != _main(b)]
    if other:
        text = f"{len(other):,} pairs are the same and have other labels; one of them is wrong"
        found.append(Finding("fault", text, _names(other)))
    return found


def _divided(
    pairs: Sequence[tuple[Item, Item]], how: str, kind: Literal["twice", "near"]
) -> list[Finding]:
    """Pairs between splits, and those within one."""
    between = [(a, b) for a, b in pairs if a.split and b.split and a.split != b.split]
    within = [pair for pair in pairs if pair not in between]
    found = []
    if between:
        text = f"{len(between):,} pairs in two splits are {how}: the second proves nothing"
        found.append(Finding("leak", text, _names(between)))
    if within:
        text = f"{len(within):,} pairs are {how}; they stay in one split where edgenets divides"
        found.append(Finding(kind, text, _names(within)))
    return found


def _same_pairs(items: Sequence[Item]) -> list[tuple[Item, Item]]:
    """Pairs of items that hold the same."""
    same: dict[str, list[Item]] = {}
    for item in items:
        if item.content:
            same.setdefault(item.content, []).append(item)
    return [pair for own in same.values() for pair in combinations(own, 2)]


def near_pairs(items: Sequence[Item]) -> list[tuple[Item, Item]]:
    """Pairs of items whose prints are nearly the same."""
    known = [item for item in items if item.print is not None]
    prints = np.array([item.print for item in known], np.uint64)
    found = []
    for start in range(0, len(prints), _BLOCK):
        block = prints[start : start + _BLOCK]
        far = bits_of(block[:, None] ^ prints[None, start:])
        for i, j in np.argwhere(far <= NEAR):
            if j > i and _is_near(known[start + i], known[start + j]):
                found.append((known[start + i], known[start + j]))
    return found


def _is_near(one: Item, other: Item) -> bool:
    """Whether the details of two items bear out what their prints say."""
    if one.detail is None or other.detail is None:
        return True
    a, b = (item.detail - item.detail.mean() for item in (one, other) if item.detail is not None)
    return bool((a * b).sum() >= _ALIKE * np.sqrt((a * a).sum() * (b * b).sum()))


def bits_of(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """How many bits of each number are set."""
    table = np.array([number.bit_count() for number in range(256)], np.uint8)
    total: NDArray[np.uint8] = table[values[..., None].view(np.uint8)].sum(-1, dtype=np.uint8)
    return total


def _shares(survey: Survey) -> list[Finding]:
    """Labels that are rare, or missing in a split."""
    labels = survey.labels
    found = []
    if few := [f"{label} ({n})" for label, n in sorted(labels.items()) if n < FEWEST]:
        text = f"labels of fewer than {FEWEST} {survey.unit}: {', '.join(few[:_NAMED])}"
        found.append(Finding("few", text))
    if labels and max(labels.values()) >= UNBALANCED * min(labels.values()):
        (most, n), (least, m) = labels.most_common(1)[0], min(labels.items(), key=lambda i: i[1])
        found.append(Finding("unbalanced", f"{most} comes {n:,} times, and {least} {m:,}"))
    return found + _missing(survey)


def _missing(survey: Survey) -> list[Finding]:
    """Labels that a split of the set does not have."""
    stated = {item.split for item in survey.items}
    found = []
    for label, counts in survey.counts().items():
        if missing := [s for s in SPLITS if s in stated and not counts.get(s)]:
            found.append(Finding("missing", f"{label} is not in {' and '.join(missing)}"))
    return found


def _main(item: Item) -> str:
    return ", ".join(sorted(item.labels))


def _names(pairs: Sequence[tuple[Item, Item]]) -> tuple[str, ...]:
    return tuple(f"{a.name} = {b.name}" for a, b in pairs[:_NAMED])
