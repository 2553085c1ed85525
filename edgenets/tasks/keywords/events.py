"""What a run of a model that spots words tells its sinks."""

from __future__ import annotations

from dataclasses import dataclass

from edgenets.events import Event
from edgenets.files import Json
from edgenets.painter import Painter


@dataclass(frozen=True)
class Result(Event):
    """A word that was detected."""

    source: str
    label: str
    score: float  # smoothed posterior, 0…1
    time: float  # s of stream until the end of the sound that decided it
    age: float  # s from the capture of that sound to this result

    def plain(self) -> Json:
        """See `Event.plain`."""
        return self._plain("detection", word=self.label, score=round(self.score, 4))

    def console(self, painter: Painter) -> str:
        """See `Event.console`."""
        word = painter.paint(f"{self.label:<12}", "1;36")
        return (
            f"{self.time:8.2f} s  {word} {painter.bar(self.score)} {self.score:4.2f}  "
            f"{1e3 * self.age:5.1f} ms\n"
        )
