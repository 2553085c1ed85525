"""Splits: which part of a set is trained on, which chosen by, which kept for the end."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

# Speech Commands chose its own splits by SHA-1 of the speaker; a hash of another kind divides
# each of those splits evenly.
_SALT = "edgenets split 1: "


@dataclass(frozen=True)
class SplitShares:
    """How training divided its data; see `split_of`."""

    validation: float = 0.1  # fraction of the groups
    test: float = 0.15  # fraction of the groups
    apart: Literal["speakers", "recordings"] = "speakers"  # what a group of recordings is
    # Of images. hash: see `split_of`, as all were divided once; labels: see `stratified`.
    by: Literal["hash", "labels"] = "hash"
    second: Literal["validation", "test"] = "test"  # what the second split of a set of two is
    divided: str = ""  # by labels: what was, as a digest; another set has no such splits

    def __post_init__(self) -> None:
        if self.validation < 0 or self.test < 0 or not self.validation + self.test <= 1:
            raise ValueError("validation and test are fractions that leave something to train on")


def split_of(group: str, validation: float, test: float) -> Split:
    """The split of a group of recordings or images, by a hash of the group's name.

    The answer depends on nothing but the name and the fractions, so a group stays in
    its split when others are added (the idea of Warden 2018, arXiv:1804.03209).

    Args:
        group: what must not be divided: a speaker, a scene.
        validation: fraction of the groups, 0…1.
        test: fraction of the groups, 0…1.
    """
    place = _place(group)
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"


def splits_of(items: Iterable[tuple[str, str]], validation: float, test: float) -> dict[str, Split]:
    """The split of every group, so that every label is in every split where it has groups enough.

    They are those of `split_of`. Where that leaves a label out of a split, as it does in small
    sets, the group of it that is nearest to the split moves there.

    Args:
        items: the label of each, and its group.
    """
    groups: dict[str, set[str]] = {}
    for label, group in items:
        groups.setdefault(label, set()).add(group)
    every = sorted(
        {group for own in groups.values() for group in own}, key=lambda g: (_place(g), g)
    )
    found = {group: split_of(group, validation, test) for group in every}
    for label in sorted(groups):
        own = [group for group in every if group in groups[label]]
        if test:
            _fill("test", own, found)
        if validation:
            _fill("validation", own, found)
    return found


def stratified(
    groups: Mapping[str, Counter[str]], validation: float, test: float
) -> dict[str, Split]:
    """The split of every group, so that each label has its share in every split.

    Large groups of rare labels are placed first, each where most of its label is still missing
    (Sechidis, Tsoumakas, Vlahavas 2011, “On the stratification of multi-label data”). Every label
    is trained on, and is in every split where it has groups enough. The answer depends on all
    groups: see `SplitShares.divided`.

    Args:
        groups: how often each label comes in each group.
        validation: fraction, 0…1.
        test: fraction, 0…1.
    """
    wanted = zip(SPLITS, (1 - validation - test, validation, test), strict=True)
    shares = {split: share for split, share in wanted if share}
    totals: Counter[str] = sum(groups.values(), Counter())
    holders = _holders(groups)
    missing: dict[Split, dict[str, float]] = {
        split: {label: share * totals[label] for label in totals} for split, share in shares.items()
    }
    found: dict[str, Split] = {}
    for label in sorted(holders, key=lambda label: (len(holders[label]), label)):
        for name in sorted(holders[label], key=lambda n: (-groups[n][label], _place(n), n)):
            if name not in found:
                split = max(missing, key=lambda s: (missing[s][label], sum(missing[s].values())))
                found[name] = split
                missing[split] |= {
                    own: missing[split][own] - groups[name][own] for own in groups[name]
                }
    for label in sorted(holders):
        for split in sorted(shares.keys() - {"train"}):
            _lend(split, label, holders, groups, found)
    _train_all(holders, groups, found)
    return found


def _train_all(
    holders: Mapping[str, Sequence[str]],
    groups: Mapping[str, Counter[str]],
    found: dict[str, Split],
) -> None:
    """Give training a group of every label: what nobody trains on, nobody knows."""
    for own in holders.values():
        if all(found[name] != "train" for name in own):
            found[max(own, key=lambda name: groups[name].total())] = "train"


def _lend(
    split: Split,
    label: str,
    holders: Mapping[str, Sequence[str]],
    groups: Mapping[str, Counter[str]],
    found: dict[str, Split],
) -> None:
    """Move the least group of a label to a split that has none of it, where training keeps others
    of all that the group holds.
    """
    if any(found[name] == split for name in holders[label]):
        return
    trained = {own: sum(found[name] == "train" for name in names) for own, names in holders.items()}
    free = [
        name
        for name in holders[label]
        if found[name] == "train" and all(trained[own] > 1 for own in groups[name])
    ]
    if free:
        found[min(free, key=lambda name: (groups[name].total(), _place(name), name))] = split


def _holders(groups: Mapping[str, Counter[str]]) -> dict[str, list[str]]:
    """The groups in which each label comes."""
    found: dict[str, list[str]] = {}
    for name, counts in groups.items():
        for label in counts:
            found.setdefault(label, []).append(name)
    return found


def _fill(split: Split, groups: Sequence[str], found: dict[str, Split]) -> None:
    """Move the first of a label's groups, in order, to a split that has none of them."""
    trained = [group for group in groups if found[group] == "train"]
    if all(found[group] != split for group in groups) and len(trained) > 1:
        found[trained[0]] = split  # the last one is trained on


def _place(group: str) -> float:
    """Where a group is among all, 0…1."""
    digest = hashlib.sha256((_SALT + group).encode()).digest()
    return int.from_bytes(digest[:8], "big") / (1 << 64)
