"""`SoundRun`: the sound of a source through a task's pipeline."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.events import Event, Notice
from edgenets.sound.audio import Sound
from edgenets.spec import spec_as
from edgenets.tasks import sound_task
from edgenets.tasks.options import RunOptions
from edgenets.tasks.sound import SoundSpec
from edgenets.tasks.sound_pipeline import Observer, Reportable
from edgenets.tasks.sound_summary import SoundSummary

from .run import Run
from .sources import Block, Boundary, SourceNotice, open_source

# A longer gap is not made silence but begins a new stream: by its end all that was heard before
# would be forgotten anyway, and a night without a microphone is hours of silence to compute.
_LONGEST_GAP = 60  # s


class SoundRun(Run[SoundSummary]):
    """One run of a bundle on a source. Iterate over it for the results."""

    def __init__(
        self, bundle: Bundle, session: Session, uris: Sequence[str], spec: Any, options: RunOptions
    ) -> None:
        """Open the source.

        Args:
            spec: the bundle's, with other thresholds perhaps.
            options: `seconds` of sound after which it ends, and the `grammar` of what may be said.

        Raises:
            SourceError: it cannot be opened.
        """
        super().__init__(SoundSummary(str(bundle.path), session.artifact.id, session.runs_on))
        spec = spec_as(spec, SoundSpec)
        self._pipeline = sound_task(spec.task).stepper(spec, session, options.grammar)
        self._rate = spec.input.sample_rate
        self._seconds = options.seconds
        (uri,) = uris
        self._source = open_source(uri, self._rate)
        self._name = self.source_name = self._source.name
        self._samples = 0  # of this recording, lost ones included
        self._all_samples = 0  # of all recordings
        self._offset = 0  # samples of this recording before the pipeline was last reset

    @property
    def spec(self) -> SoundSpec:
        """What the run decides by just now."""
        return self._pipeline.spec

    def set_threshold(self, label: str, value: float) -> None:
        """Change a word's threshold while the run goes on; safe from another thread.

        Raises:
            ValueError: it is no word of the model, or the value is not in (0, 1].
        """
        self._pipeline.use(self._pipeline.spec.with_threshold(label, value))

    def observe(self, observer: Observer) -> None:
        """Have every step's frames and posterior given to a function, which must be quick."""
        self._pipeline.observer = observer

    def stop(self) -> None:
        """End the run soon; safe from a signal handler or another thread."""
        self._source.close()

    def __iter__(self) -> Iterator[Event]:
        """Results and notices, as they come."""
        with self._timed(), closing(self._source):
            for item in self._source:
                if isinstance(item, Block):
                    yield from self._hear(item)
                    if self._seconds is not None and self.summary.audio_seconds >= self._seconds:
                        break
                elif isinstance(item, Boundary):
                    yield from self._end()
                    self._begin(str(item.path))
                else:
                    yield self._passed_on(item)
            yield from self._end()
        self.summary.steps += self._pipeline.steps

    def _hear(self, block: Block) -> Iterator[Event]:
        if block.lost:
            self.summary.samples_lost += block.lost
            self.summary.lose("samples", block.lost)
            yield from self._pass_over(block)
        yield from self._push(block.samples, block)

    def _pass_over(self, block: Block) -> Iterator[Event]:
        """What was lost is made silence: times stay true, and no word is glued together."""
        if block.lost <= _LONGEST_GAP * self._rate:
            yield from self._push(np.zeros(block.lost, np.float32), block)
        else:
            yield from self._end()
            self.summary.steps += self._pipeline.steps
            self._pipeline.reset()
            self._count(block.lost)
            self._offset = self._samples

    def _push(self, samples: Sound, block: Block) -> Iterator[Event]:
        before = self._pipeline.steps
        found = self._pipeline.push(samples)
        self.vitals.infer(time.monotonic() - block.captured, self._pipeline.steps - before)
        self._count(len(samples))
        yield from (self._event(decision, block.captured) for decision in found)

    def _event(self, decision: Reportable, captured: float) -> Event:
        before = self._offset / self._rate  # s of stream before the pipeline was last reset
        # The block's last sample was captured at `captured`; the decision's may have been earlier.
        behind = self._samples / self._rate - (before + decision.time)
        age = time.monotonic() - captured + max(0.0, behind)
        self._ages.append(age)
        decision.count(self.summary)
        return decision.event(self._name, before, age)

    def _end(self) -> Iterator[Event]:
        """What the end of a recording leaves to be said."""
        yield from (self._event(d, time.monotonic()) for d in self._pipeline.finish())

    def _count(self, samples: int) -> None:
        self._samples += samples
        self._all_samples += samples
        self.summary.audio_seconds = self._all_samples / self._rate

    def _begin(self, name: str) -> None:
        """A new recording: nothing goes over from the one before."""
        self.summary.steps += self._pipeline.steps
        self._pipeline.reset()
        self._samples = self._offset = 0
        self._name = name

    def _passed_on(self, notice: SourceNotice) -> Notice:
        time = self._samples / self._rate
        if notice.kind == "overrun" and not notice.samples:
            self.summary.lose("overruns", notice.count)
        if notice.kind == "short":  # its end is missing, so that no block comes after it
            self.summary.samples_lost += notice.samples
            self.summary.lose("samples", notice.samples)
        return self._notice(self._name, notice.kind, notice.text, time, notice.count)
