"""Sound in, words out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.tasks.keywords.decoding import KeywordDecoder
from edgenets.tasks.keywords.events import Result
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.sound import SoundSpec
from edgenets.tasks.sound_pipeline import Stepper
from edgenets.tasks.sound_summary import SoundSummary


@dataclass(frozen=True)
class Detection:
    """A word that was heard."""

    label: str
    score: float  # smoothed posterior, 0…1
    time: float  # s of stream until the end of the sound that decided it

    def event(self, source: str, before: float, age: float) -> Result:
        """See `Reportable.event`."""
        return Result(source, self.label, self.score, before + self.time, age)

    def count(self, summary: SoundSummary) -> None:
        """See `Reportable.count`."""
        summary.detections[self.label] = summary.detections.get(self.label, 0) + 1


class KeywordDetector(Stepper[Detection]):
    """Hears the words of a model."""

    def __init__(self, spec: KeywordSpec, session: Session) -> None:
        super().__init__(spec, session)
        self.use(spec)

    def use(self, spec: SoundSpec) -> None:
        """Decide by other thresholds from the next step on; what was heard so far is forgotten."""
        self.spec = spec
        self.decoder = KeywordDecoder(spec.labels, spec.decoding, spec.step_seconds)

    @property
    def posterior(self) -> NDArray[np.float32]:
        """The smoothed posterior after the last step, (labels,) float32."""
        return self.decoder.posterior

    def _forget(self) -> None:
        self.decoder.reset()

    def _decide(self, scores: NDArray[np.float32]) -> Detection | None:
        heard = self.decoder.push(scores)
        if heard is None:
            return None
        return Detection(heard.label, heard.score, self.time_of(self.steps - 1))
