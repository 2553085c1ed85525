"""What a run of a model of language tells its sinks, and what a run over texts came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from edgenets.events import Event, LineSummary
from edgenets.files import Json
from edgenets.painter import Painter, harmless


@dataclass(frozen=True)
class Written(Event):
    """A token that a model of language wrote."""

    source: str
    text: str  # of the token, with the space before it where one belongs there
    probability: float  # that it was drawn with
    number: int  # in what was written, from 0
    time: float  # s since the run began

    unfinished: ClassVar[bool] = True

    def plain(self) -> Json:
        """See `Event.plain`."""
        probability = round(self.probability, 4)
        return self._plain("token", text=self.text, number=self.number, probability=probability)

    def console(self, painter: Painter) -> str:
        """See `Event.console`."""
        return harmless(self.text, keep="\n")


@dataclass(frozen=True)
class Suggested(Event):
    """Words that may come next after a text."""

    source: str
    text: str
    words: tuple[tuple[str, float], ...]  # with their probability, the likeliest first
    line: int  # in its source, from 1
    time: float  # s since the run began
    age: float  # s from the reading of the line to this result

    def plain(self) -> Json:
        """See `Event.plain`."""
        words = [{"word": w, "probability": round(p, 4)} for w, p in self.words]
        return self._plain("suggestions", line=self.line, text=self.text, words=words)

    def console(self, painter: Painter) -> str:
        """See `Event.console`."""
        words = "  ".join(f"{painter.paint(w, '1;36')} {p:.2f}" for w, p in self.words) or "–"
        return f"{words}\n"


@dataclass
class TextSummary(LineSummary):
    """What a run over texts came to; it grows while the run goes on."""

    texts: int = 0  # that were read, or written
    tokens: int = 0
    unknown: int = 0  # tokens that the model does not know
    labels: dict[str, int] = field(default_factory=dict)  # texts of each
    text: str = ""  # what was written

    losses: ClassVar = {"skipped": "rows", "overrun": "rows"}

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens that a second of CPU time has read or written."""
        return self.tokens / self.cpu_seconds if self.cpu_seconds else None

    def plain(self) -> Json:
        """See `Summary.plain`."""
        return {**super().plain(), "tokens_per_s": self.tokens_per_s}

    def _counted(self) -> list[str]:
        if self.text:
            parts = [f"wrote {len(self.text):,} characters"]
        else:
            parts = [f"read {self.texts:,} text{'s' if self.texts != 1 else ''}"]
        parts += [f"{label} ×{n:,}" for label, n in sorted(self.labels.items())]
        if self.tokens_per_s:
            parts.append(f"{self.tokens_per_s:,.0f} tokens a second of CPU")
        if self.unknown:
            parts.append(f"{self.unknown:,} of {self.tokens:,} words unknown")
        return parts
