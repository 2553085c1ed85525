"""Sound in, text out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.tasks.keywords.decoding import softmax
from edgenets.tasks.sound_pipeline import Stepper
from edgenets.tasks.sound_summary import SoundSummary
from edgenets.tasks.speech.ctc import Grammar
from edgenets.tasks.speech.events import Transcript
from edgenets.tasks.speech.spec import SpeechSpec
from edgenets.tasks.speech.transcriber import Phrase, Transcriber


@dataclass(frozen=True)
class Line:
    """What was said, or, until it is final, what that seems to be."""

    text: str
    final: bool
    start: float  # s of stream at which its first symbol was seen; of an empty one: `time`
    end: float  # s, of the last
    time: float  # s of stream until the end of the sound that decided it

    def event(self, source: str, before: float, age: float) -> Transcript:
        """See `Reportable.event`."""
        start, end, time = (before + at for at in (self.start, self.end, self.time))
        return Transcript(source, self.text, self.final, start, end, time, age)

    def count(self, summary: SoundSummary) -> None:
        """See `Reportable.count`."""
        summary.utterances += self.final


class SpeechTranscriber(Stepper[Line]):
    """Writes down what is said."""

    def __init__(self, spec: SpeechSpec, session: Session, grammar: Grammar | None = None) -> None:
        super().__init__(spec, session)
        self.spec = spec
        self._transcriber = Transcriber(spec, grammar)
        self._scores = np.zeros(len(spec.labels), np.float32)

    @property
    def posterior(self) -> NDArray[np.float32]:
        """The posterior of the last step, (labels,) float32."""
        return softmax(self._scores)

    def finish(self) -> list[Line]:
        """The utterance that the end of the stream cuts off."""
        phrase = self._transcriber.finish()
        return [] if phrase is None else [self._line(phrase)]

    def _forget(self) -> None:
        self._transcriber.reset()

    def _decide(self, scores: NDArray[np.float32]) -> Line | None:
        self._scores = scores
        phrase = self._transcriber.push(scores)
        return None if phrase is None else self._line(phrase)

    def _line(self, phrase: Phrase) -> Line:
        time = self.time_of(max(0, self.steps - 1))
        steps = [self.time_of(said.step + self._warmup) for said in phrase.said] or [time]
        return Line(phrase.text, phrase.final, steps[0], steps[-1], time)
