"""What a run of a model of speech tells its sinks."""

from __future__ import annotations

from dataclasses import dataclass

from edgenets.events import Event
from edgenets.files import Json
from edgenets.painter import Painter


@dataclass(frozen=True)
class Transcript(Event):
    """What was said, or, until it is final, what that seems to be."""

    source: str
    text: str
    final: bool
    start: float  # s of stream at which its first symbol was seen
    end: float  # s, of the last
    time: float  # s of stream until the end of the sound that decided it
    age: float  # s from the capture of that sound to this result

    def plain(self) -> Json:
        """See `Event.plain`."""
        kind = "transcript" if self.final else "partial"
        start, end = round(self.start, 3), round(self.end, 3)
        return self._plain(kind, text=self.text, start=start, end=end)

    def console(self, painter: Painter) -> str:
        """An utterance; on a terminal also while it goes on, always on the same line."""
        if not self.final and not painter.color:
            return ""
        start = "\r\x1b[2K" if painter.color else ""
        text = painter.paint(self.text, "1;36" if self.final else "36")
        line = f"{start}{self.start:8.2f} s  {text}"
        return line + (f"  {1e3 * self.age:5.1f} ms\n" if self.final else "")
