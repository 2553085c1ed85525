"""What a run of a model that translates tells its sinks."""

from __future__ import annotations

from dataclasses import dataclass

from edgenets.events import Event
from edgenets.files import Json
from edgenets.painter import Painter, harmless


@dataclass(frozen=True)
class Translation(Event):
    """A sentence in another language."""

    source: str
    text: str  # what was read
    translation: str
    probability: float  # of a token, the geometric mean
    whole: bool  # False: it was broken off where it became too long
    tokens: int  # that were read
    unknown: int  # of them that the model does not know
    line: int  # in its source, from 1
    time: float  # s since the run began
    age: float  # s from the reading of the line to this result

    def plain(self) -> Json:
        """See `Event.plain`."""
        return self._plain(
            "translation",
            line=self.line,
            text=self.text,
            translation=self.translation,
            probability=round(self.probability, 4),
            whole=self.whole,
            tokens=self.tokens,
            unknown=self.unknown,
            pieces=self.tokens,  # as earlier versions call them
        )

    def console(self, painter: Painter) -> str:
        """See `Event.console`."""
        text = painter.paint(harmless(self.translation), "1;36")
        unknown = f"  ({self.unknown} of {self.tokens} unknown)" if self.unknown else ""
        return f"{text}{'' if self.whole else ' …'}{unknown}\n"
