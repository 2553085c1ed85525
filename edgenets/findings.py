"""What was looked at before something is done, and what it came to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["well", "note", "stop"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    about: str
    text: str  # what is, and what to do where it is not well


def well(findings: Iterable[Finding]) -> bool:
    """Whether nothing of it stops the rest."""
    return all(finding.level != "stop" for finding in findings)
