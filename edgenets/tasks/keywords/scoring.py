"""Scoring detections in a stream whose word times are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# A word may be heard a little before its last sound is over, and this long after it.
EARLY = 0.1  # s before its start
LATE = 0.8  # s after its end


@dataclass(frozen=True)
class Spoken:
    """A word that was said."""

    label: str
    start: float  # s
    end: float  # s


@dataclass(frozen=True)
class Heard:
    """A word that was detected."""

    label: str
    time: float  # s
    score: float  # 0…1


@dataclass(frozen=True)
class Match:
    """A word that was said, and what beit came to."""

    spoken: Spoken
    heard: Heard | None  # None: missed

    @property
    def latency(self) -> float | None:
        """Seconds from the end of the word to its detection; negative when it came before."""
        return None if self.heard is None else self.heard.time - self.spoken.end


@dataclass(frozen=True)
class Score:
    """How well a stream was heard."""

    matches: tuple[Match, ...]  # one a word that was said, in time
    false_alarms: tuple[Heard, ...]
    seconds: float  # of stream

    @property
    def hits(self) -> int:
        """Words that were said and heard."""
        return sum(m.heard is not None for m in self.matches)

    @property
    def recall(self) -> float:
        """Part of the words said that were heard."""
        return self.hits / len(self.matches) if self.matches else 1.0

    @property
    def precision(self) -> float:
        """Part of the words heard that were said."""
        heard = self.hits + len(self.false_alarms)
        return self.hits / heard if heard else 1.0


def score(spoken: Sequence[Spoken], heard: Sequence[Heard], seconds: float) -> Score:
    """Pair what was heard with what was said: each at most once, the earliest first."""
    left = sorted(heard, key=lambda h: h.time)
    matches = []
    for word in sorted(spoken, key=lambda s: s.start):
        found = next(
            (
                h
                for h in left
                if h.label == word.label and word.start - EARLY <= h.time <= word.end + LATE
            ),
            None,
        )
        if found is not None:
            left.remove(found)
        matches.append(Match(word, found))
    return Score(tuple(matches), tuple(left), seconds)
