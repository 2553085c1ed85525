"""Sound in, events out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.events import Event
from edgenets.files import Json
from edgenets.painter import Painter
from edgenets.spec import spec_as
from edgenets.tasks.sound import SoundSpec
from edgenets.tasks.sound_pipeline import Stepper
from edgenets.tasks.sound_summary import SoundSummary
from edgenets.tasks.sounds.decoding import Change, EventDecoder
from edgenets.tasks.sounds.spec import SoundsSpec


@dataclass(frozen=True)
class SoundEvent(Event):
    """A sound that began or ended."""

    source: str
    label: str
    begins: bool
    score: float  # smoothed posterior, 0…1; of an end, the highest that it had
    seconds: float  # that it lasted; 0 where it begins
    time: float  # s of stream until the end of the sound that decided it
    age: float  # s from the capture of that sound to this result

    def plain(self) -> Json:
        """See `Event.plain`."""
        fields: Json = {"sound": self.label, "state": "begins" if self.begins else "ends"}
        if not self.begins:
            fields["seconds"] = round(self.seconds, 3)
        return self._plain("sound", **fields, score=round(self.score, 4))

    def console(self, painter: Painter) -> str:
        """See `Event.console`."""
        if self.begins:
            label = painter.paint(f"{self.label:<16}", "1;36")
            shown = f"{painter.bar(self.score)} {self.score:4.2f}  {1e3 * self.age:5.1f} ms"
        else:
            label = painter.paint(f"{self.label:<16}", "36")
            shown = f"ends after {self.seconds:.1f} s"
        return f"{self.time:8.2f} s  {label} {shown}\n"


@dataclass(frozen=True)
class Noticed:
    """A sound that began or ended."""

    label: str
    begins: bool
    score: float
    seconds: float
    time: float  # s of stream until the end of the sound that decided it

    def event(self, source: str, before: float, age: float) -> SoundEvent:
        """See `Reportable.event`."""
        time = before + self.time
        return SoundEvent(source, self.label, self.begins, self.score, self.seconds, time, age)

    def count(self, summary: SoundSummary) -> None:
        """See `Reportable.count`."""
        if self.begins:
            summary.detections[self.label] = summary.detections.get(self.label, 0) + 1


class EventDetector(Stepper[Noticed]):
    """Says when the sounds of a model begin and end."""

    def __init__(self, spec: SoundsSpec, session: Session) -> None:
        super().__init__(spec, session)
        self._decoder = EventDecoder(spec.labels, spec.decoding, spec.step_seconds)
        # Of one step that changes several things, all but the first are said a step later each.
        self._waiting: deque[Noticed] = deque()

    def use(self, spec: SoundSpec) -> None:
        """Decide by other thresholds from the next step on; what goes on ends."""
        self._waiting += map(self._noticed, self._decoder.end())
        made = spec_as(spec, SoundsSpec)
        self.spec = made
        self._decoder = EventDecoder(made.labels, made.decoding, made.step_seconds)

    @property
    def posterior(self) -> NDArray[np.float32]:
        """The smoothed posterior after the last step, (labels,) float32."""
        return self._decoder.posterior

    def finish(self) -> list[Noticed]:
        """What is still to be said: what goes on ends with the stream."""
        left = [*self._waiting, *map(self._noticed, self._decoder.end())]
        self._waiting.clear()
        return left

    def _forget(self) -> None:
        self._decoder.reset()
        self._waiting.clear()

    def _decide(self, scores: NDArray[np.float32]) -> Noticed | None:
        self._waiting += map(self._noticed, self._decoder.push(scores))
        return self._waiting.popleft() if self._waiting else None

    def _noticed(self, change: Change) -> Noticed:
        # Steps are counted anew by decoders that come in the middle of a stream, hence the
        # difference to the newest step.
        behind = self._decoder.steps - change.step
        time = self.time_of(self.steps - behind)
        seconds = (change.step - change.since) * self.spec.step_seconds
        return Noticed(change.label, change.begins, change.score, seconds, time)
