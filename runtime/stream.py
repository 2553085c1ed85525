"""`Run`: a source through a listener to sinks, until the source or the user ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from edgenets.audio import Sound
from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.errors import SinkError
from edgenets.events import Remark, Result, Summary
from edgenets.spec import StreamSpec

from .listener import Listener, Observer
from .sinks import Sinks
from .sources import Block, Boundary, Notice, open_source
from .vitals import Vitals

# Ages kept for the percentiles of the summary; a day of talk has fewer.
_MOST_AGES = 100_000

# A longer gap is not made silence but begins a new stream: by its end all that was heard before
# would be forgotten anyway, and a night without a microphone is hours of silence to compute.
_LONGEST_GAP = 60  # s


class Run:
    """One run of a bundle on a source. Iterate over it for the results."""

    def __init__(
        self, bundle: Bundle, session: Session, source_uri: str, *, spec: StreamSpec | None = None,
        seconds: float | None = None,
    ) -> None:  # fmt: skip
        """Open the source.

        Args:
            spec: the bundle's spec with other thresholds; None takes the bundle's own.
            seconds: end after this much sound; None goes on to the end of the source.

        Raises:
            SourceError: it cannot be opened.
        """
        found = spec or bundle.spec
        assert isinstance(found, StreamSpec), "the command line gives other models to `Watch`"
        spec = found
        self._listener = Listener(spec, session)
        self._rate = spec.input.sample_rate
        self._seconds = seconds
        self._source = open_source(source_uri, self._rate)
        self._name = self.source_name = self._source.name
        self._samples = 0  # of this recording, lost ones included
        self._all_samples = 0  # of all recordings
        self._offset = 0  # samples of this recording before the listener was last reset
        self._ages: list[float] = []
        self.vitals = Vitals()
        self.summary = Summary(str(bundle.path), session.artefact.id, session.runs_on)

    @property
    def spec(self) -> StreamSpec:
        """What the run decides by just now."""
        return self._listener.spec

    def set_threshold(self, label: str, value: float) -> None:
        """Change a word's threshold while the run goes on; safe from another thread.

        Raises:
            ValueError: it is no word of the model, or the value is not in (0, 1].
        """
        self._listener.use(self.spec.with_threshold(label, value))

    def observe(self, observer: Observer) -> None:
        """Have every step's frames and posterior told to a function, which must be quick."""
        self._listener.observer = observer

    def stop(self) -> None:
        """End the run soon; safe from a signal handler or another thread."""
        self._source.close()

    def __iter__(self) -> Iterator[Result | Remark]:
        """Results and remarks, as they come."""
        started, cpu = time.monotonic(), time.process_time()
        try:
            for item in self._source:
                if isinstance(item, Block):
                    yield from self._hear(item)
                    if self._seconds is not None and self.summary.audio_seconds >= self._seconds:
                        break
                elif isinstance(item, Boundary):
                    self._begin(str(item.path))
                else:
                    yield self._remark(item)
        finally:
            self._source.close()
            self._finish(time.monotonic() - started, time.process_time() - cpu)

    def deliver(self, sink_uris: Sequence[str], complain: Callable[[str], None]) -> Summary:
        """Run to the end, into sinks.

        Raises:
            SinkError: a sink cannot be opened; one that fails later is only complained of.
        """
        try:
            sinks = Sinks(sink_uris, complain, self)
        except SinkError:
            self._source.close()
            raise
        try:
            for event in self:
                sinks.write(event)
        finally:
            sinks.close()
            self.summary.sink_failures = sinks.failures
        return self.summary

    def _hear(self, block: Block) -> Iterator[Result]:
        if block.lost:
            self.summary.samples_lost += block.lost
            yield from self._pass_over(block)
        yield from self._push(block.samples, block)

    def _pass_over(self, block: Block) -> Iterator[Result]:
        """What was lost is made silence: times stay true, and no word is glued together."""
        if block.lost <= _LONGEST_GAP * self._rate:
            yield from self._push(np.zeros(block.lost, np.float32), block)
        else:
            self.summary.steps += self._listener.steps
            self._listener.reset()
            self._count(block.lost)
            self._offset = self._samples

    def _push(self, samples: Sound, block: Block) -> Iterator[Result]:
        before = self._listener.steps
        found = self._listener.push(samples)
        self.vitals.infer(time.monotonic() - block.captured, self._listener.steps - before)
        self._count(len(samples))
        for detection in found:
            time_heard = self._offset / self._rate + detection.time
            # The block's last sample was captured at `captured`; the word's may have been earlier.
            behind = self._samples / self._rate - time_heard
            age = time.monotonic() - block.captured + max(0.0, behind)
            if len(self._ages) < _MOST_AGES:
                self._ages.append(age)
            counts = self.summary.detections
            counts[detection.label] = counts.get(detection.label, 0) + 1
            yield Result(self._name, detection.label, detection.score, time_heard, age)

    def _count(self, samples: int) -> None:
        self._samples += samples
        self._all_samples += samples
        self.summary.audio_seconds = self._all_samples / self._rate

    def _begin(self, name: str) -> None:
        """A new recording: nothing goes over from the one before."""
        self.summary.steps += self._listener.steps
        self._listener.reset()
        self._samples = self._offset = 0
        self._name = name

    def _remark(self, notice: Notice) -> Remark:
        counts = self.summary.remarks
        counts[notice.kind] = counts.get(notice.kind, 0) + notice.count
        self.vitals.remark(notice.kind, notice.text)
        return Remark(self._name, notice.kind, notice.text, self._samples / self._rate)

    def _finish(self, wall: float, cpu: float) -> None:
        self.summary.steps += self._listener.steps
        self.summary.wall_seconds, self.summary.cpu_seconds = wall, cpu
        if self._ages:
            p50, p95 = np.percentile(self._ages, (50, 95))
            self.summary.age_ms_p50, self.summary.age_ms_p95 = 1e3 * p50, 1e3 * p95
