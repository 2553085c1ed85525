"""What a run of a model that classifies texts tells its sinks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgenets.events import Event
from edgenets.files import Json
from edgenets.painter import Painter, harmless

_TEXT = 70  # characters of a text that a console shows


@dataclass(frozen=True)
class Classified(Event):
    """What a text is."""

    source: str
    text: str
    label: str
    score: float  # of the label, 0…1
    scores: Mapping[str, float]  # of every label, 0…1
    tokens: int  # that the text has
    unknown: int  # of them that the model does not know
    line: int  # in its source, from 1
    time: float  # s since the run began
    age: float  # s from the reading of the line to this result

    def plain(self) -> Json:
        """See `Event.plain`."""
        return self._plain(
            "text",
            line=self.line,
            text=self.text,
            label=self.label,
            score=round(self.score, 4),
            scores={label: round(score, 4) for label, score in self.scores.items()},
            tokens=self.tokens,
            unknown=self.unknown,
        )

    def console(self, painter: Painter) -> str:
        """See `Event.console`."""
        label = painter.paint(f"{self.label:<12}", "1;36")
        unknown = f"  ({self.unknown} of {self.tokens} unknown)" if self.unknown else ""
        text = harmless(self.text)
        text = text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"
        return f"{label} {painter.bar(self.score)} {self.score:4.2f}  {text}{unknown}\n"
