"""A claim of the textbooks, its parts, and what figures make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Word = Literal["agrees", "in part", "disagrees", "not measured"]


@dataclass(frozen=True)
class Claim:
    """A claim about each family, and what was measured."""

    aspect: str
    cnn: str
    rnn: str
    measured: str
    verdict: Word
    why: str


@dataclass(frozen=True)
class Part:
    """A part of a claim: whether figures bear it out, or None, and in words."""

    holds: bool | None
    why: str


def claim(aspect: str, cnn: str, rnn: str, measured: str, parts: Sequence[Part]) -> Claim:
    """A claim, with the verdict that its parts come to."""
    known = {part.holds for part in parts if part.holds is not None}
    verdict: Word = (
        "not measured"
        if not known
        else "in part"
        if len(known) == 2
        else "agrees"
        if True in known
        else "disagrees"
    )
    return Claim(aspect, cnn, rnn, measured, verdict, "; ".join(part.why for part in parts))
