"""Sound in, embeddings out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.events import Event
from edgenets.files import Json
from edgenets.painter import Painter
from edgenets.sparkline import sparkline
from edgenets.tasks.embed.metric import unit
from edgenets.tasks.embed.spec import EmbedSpec
from edgenets.tasks.sound_pipeline import Stepper
from edgenets.tasks.sound_summary import SoundSummary

# Numbers of a vector that a line shows.
_SHOWN = 40

# Decimals of a number in JSON: a ten-thousandth of a vector's length is far below what int8 tells.
_DECIMALS = 5


@dataclass(frozen=True, eq=False)
class Embedding(Event):
    """What the sound of the last moments is."""

    source: str
    vector: NDArray[np.float32]  # (numbers,), of length 1
    time: float  # s of stream until the end of that sound
    age: float  # s from the capture of that sound to this result

    def plain(self) -> Json:
        """See `Event.plain`."""
        return self._plain("embedding", vector=[round(x, _DECIMALS) for x in self.vector.tolist()])

    def console(self, painter: Painter) -> str:
        """See `Event.console`."""
        shape = painter.paint(sparkline(self.vector[:_SHOWN].astype(np.float64)), "36")
        return f"{self.time:8.2f} s  {shape}  {len(self.vector)} numbers\n"


@dataclass(frozen=True)
class Embedded:
    """What the sound of the last moments is."""

    vector: NDArray[np.float32]  # (numbers,), of length 1
    time: float  # s of stream until the end of that sound

    def event(self, source: str, before: float, age: float) -> Embedding:
        """See `Reportable.event`."""
        return Embedding(source, self.vector, before + self.time, age)

    def count(self, summary: SoundSummary) -> None:
        """See `Reportable.count`."""
        summary.results["embeddings"] = summary.results.get("embeddings", 0) + 1


class Embedder(Stepper[Embedded]):
    """Embeds a stream: the mean of the last steps' outputs, of length 1."""

    spec: EmbedSpec

    def __init__(self, spec: EmbedSpec, session: Session) -> None:
        super().__init__(spec, session)
        self._past: deque[NDArray[np.float32]] = deque(maxlen=spec.decoding.smoothing)
        self._interval = max(1, round(spec.decoding.every / spec.step_seconds))  # steps
        self._reported = 0  # step at which the last one was reported

    @property
    def posterior(self) -> NDArray[np.float32]:
        """The embedding after the last step, (numbers,) float32; zeros before the first."""
        if not self._past:
            return np.zeros(self.spec.size, np.float32)
        return unit(np.mean(self._past, axis=0))

    def finish(self) -> list[Embedded]:
        """The embedding of what was heard since the last one."""
        if not self._past or self._reported == self.steps:
            return []
        return [self._embedded()]

    def _forget(self) -> None:
        self._past.clear()
        self._reported = 0

    def _decide(self, scores: NDArray[np.float32]) -> Embedded | None:
        self._past.append(scores.copy())
        if self.steps - self._reported < self._interval:
            return None
        return self._embedded()

    def _embedded(self) -> Embedded:
        self._reported = self.steps
        return Embedded(self.posterior, self.time_of(self.steps - 1))
