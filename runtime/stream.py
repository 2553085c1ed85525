"""`Run`: a source through a keyword detector to sinks, until the source or the user ends it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

import numpy as np

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.events import Notice, Result, SoundSummary, Transcript
from edgenets.sound.audio import Sound
from edgenets.spec import spec_as
from edgenets.tasks import sound_task
from edgenets.tasks.keywords.pipeline import Detection
from edgenets.tasks.sound import SoundSpec
from edgenets.tasks.sound_pipeline import Observer
from edgenets.tasks.speech.ctc import Grammar
from edgenets.tasks.speech.pipeline import Line

from .delivery import Delivery
from .sources import Block, Boundary, SourceNotice, open_source
from .vitals import Vitals

# Latencies kept for the percentiles of the summary, the last ones; a day of talk has fewer.
_MOST_AGES = 100_000

# A longer gap is not made silence but begins a new stream: by its end all that was heard before
# would be forgotten anyway, and a night without a microphone is hours of silence to compute.
_LONGEST_GAP = 60  # s


class Run(Delivery["Result | Transcript | Notice", SoundSummary]):
    """One run of a bundle on a source. Iterate over it for the results."""

    def __init__(
        self, bundle: Bundle, session: Session, source_uri: str, *, spec: SoundSpec | None = None,
        seconds: float | None = None, grammar: Grammar | None = None,
    ) -> None:  # fmt: skip
        """Open the source.

        Args:
            spec: the bundle's spec with other thresholds; None takes the bundle's own.
            seconds: end after this much sound; None goes on to the end of the source.
            grammar: what may be said, to a model of speech.

        Raises:
            SourceError: it cannot be opened.
        """
        spec = spec_as(spec or bundle.spec, SoundSpec)
        self._detector = sound_task(spec.task).stepper(spec, session, grammar)
        self._rate = spec.input.sample_rate
        self._seconds = seconds
        self._source = open_source(source_uri, self._rate)
        self._name = self.source_name = self._source.name
        self._samples = 0  # of this recording, lost ones included
        self._all_samples = 0  # of all recordings
        self._offset = 0  # samples of this recording before the keyword detector was last reset
        self._ages: deque[float] = deque(maxlen=_MOST_AGES)
        self.vitals = Vitals()
        self.summary = SoundSummary(str(bundle.path), session.artifact.id, session.runs_on)

    @property
    def spec(self) -> SoundSpec:
        """What the run decides by just now."""
        return self._detector.spec

    def set_threshold(self, label: str, value: float) -> None:
        """Change a word's threshold while the run goes on; safe from another thread.

        Raises:
            ValueError: it is no word of the model, or the value is not in (0, 1].
        """
        self._detector.use(self._detector.spec.with_threshold(label, value))

    def observe(self, observer: Observer) -> None:
        """Have every step's frames and posterior told to a function, which must be quick."""
        self._detector.observer = observer

    def stop(self) -> None:
        """End the run soon; safe from a signal handler or another thread."""
        self._source.close()

    def __iter__(self) -> Iterator[Result | Transcript | Notice]:
        """Results and notices, as they come."""
        started, cpu = time.monotonic(), time.process_time()
        try:
            for item in self._source:
                if isinstance(item, Block):
                    yield from self._hear(item)
                    if self._seconds is not None and self.summary.audio_seconds >= self._seconds:
                        break
                elif isinstance(item, Boundary):
                    yield from self._end()
                    self._begin(str(item.path))
                else:
                    yield self._notice(item)
            yield from self._end()
        finally:
            self._source.close()
            self._finish(time.monotonic() - started, time.process_time() - cpu)

    def _hear(self, block: Block) -> Iterator[Result | Transcript]:
        if block.lost:
            self.summary.samples_lost += block.lost
            yield from self._pass_over(block)
        yield from self._push(block.samples, block)

    def _pass_over(self, block: Block) -> Iterator[Result | Transcript]:
        """What was lost is made silence: times stay true, and no word is glued together."""
        if block.lost <= _LONGEST_GAP * self._rate:
            yield from self._push(np.zeros(block.lost, np.float32), block)
        else:
            yield from self._end()
            self.summary.steps += self._detector.steps
            self._detector.reset()
            self._count(block.lost)
            self._offset = self._samples

    def _push(self, samples: Sound, block: Block) -> Iterator[Result | Transcript]:
        before = self._detector.steps
        found = self._detector.push(samples)
        self.vitals.infer(time.monotonic() - block.captured, self._detector.steps - before)
        self._count(len(samples))
        yield from (self._event(decision, block.captured) for decision in found)

    def _event(self, decision: Detection | Line, captured: float) -> Result | Transcript:
        before = self._offset / self._rate  # s of stream before the keyword detector was last reset
        decided = before + decision.time
        # The block's last sample was captured at `captured`; the decision's may have been earlier.
        behind = self._samples / self._rate - decided
        age = time.monotonic() - captured + max(0.0, behind)
        self._ages.append(age)
        if isinstance(decision, Line):
            self.summary.utterances += decision.final
            return Transcript(self._name, decision.text, decision.final, before + decision.start,
                              before + decision.end, decided, age)  # fmt: skip
        counts = self.summary.detections
        counts[decision.label] = counts.get(decision.label, 0) + 1
        return Result(self._name, decision.label, decision.score, decided, age)

    def _end(self) -> Iterator[Result | Transcript]:
        """What the end of a recording leaves to be said."""
        yield from (self._event(d, time.monotonic()) for d in self._detector.finish())

    def _count(self, samples: int) -> None:
        self._samples += samples
        self._all_samples += samples
        self.summary.audio_seconds = self._all_samples / self._rate

    def _begin(self, name: str) -> None:
        """A new recording: nothing goes over from the one before."""
        self.summary.steps += self._detector.steps
        self._detector.reset()
        self._samples = self._offset = 0
        self._name = name

    def _notice(self, notice: SourceNotice) -> Notice:
        counts = self.summary.notices
        counts[notice.kind] = counts.get(notice.kind, 0) + notice.count
        self.vitals.notice(notice.kind, notice.text)
        return Notice(self._name, notice.kind, notice.text, self._samples / self._rate)

    def _finish(self, wall: float, cpu: float) -> None:
        self.summary.steps += self._detector.steps
        self.summary.wall_seconds, self.summary.cpu_seconds = wall, cpu
        if self._ages:
            p50, p95 = np.percentile(self._ages, (50, 95))
            self.summary.age_ms_p50, self.summary.age_ms_p95 = 1e3 * p50, 1e3 * p95
