"""Splits: which part of a set is trained on, which chosen by, which kept for the end."""

from __future__ import annotations

import hashlib
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
    digest = hashlib.sha256((_SALT + group).encode()).digest()
    place = int.from_bytes(digest[:8], "big") / (1 << 64)
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"
