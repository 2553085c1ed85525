"""Sound in, decisions out: features → session → decoder, block by block.

This is the hot loop. It allocates little, takes blocks of any length, and decides the same however
the sound was cut up. What is decided is the task's: `keywords.pipeline` detects words,
`speech.pipeline` transcribes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.sound import features
from edgenets.sound.audio import Sound
from edgenets.tasks.sound import SoundSpec

if TYPE_CHECKING:
    from edgenets.events import Event
    from edgenets.tasks.sound_summary import SoundSummary

# (frames, bands) float32 of a step, and (labels,) float32
Observer = Callable[[NDArray[np.float32], NDArray[np.float32]], None]


class Reportable(Protocol):
    """A decision, as a run reports it."""

    @property
    def time(self) -> float:
        """s of stream until the end of the sound that decided it."""
        ...

    def event(self, source: str, before: float, age: float) -> Event:
        """What sinks are given.

        Args:
            before: s of the source before the stream began.
            age: s from the capture of the sound that decided it to now.
        """
        ...

    def count(self, summary: SoundSummary) -> None:
        """Add it to what a run came to."""
        ...


Decision = TypeVar("Decision", bound=Reportable)


class Stepper(ABC, Generic[Decision]):
    """One stream through one session."""

    def __init__(self, spec: SoundSpec, session: Session) -> None:
        self.spec, self.session = spec, session
        # Given every step's frames and posterior, where somebody looks.
        self.observer: Observer | None = None
        self._features = features.extractor(spec.input, spec.step.frames)
        self._hop, self._window = spec.input.hop, spec.input.window - spec.input.lead
        self._rate = spec.input.sample_rate
        self._frames, self._warmup = spec.step.frames, spec.step.warmup
        self._input, self._output = spec.step.input, spec.step.output
        self.steps = 0

    @property
    @abstractmethod
    def posterior(self) -> NDArray[np.float32]:
        """The posterior after the last step, (labels,) float32."""

    @abstractmethod
    def _decide(self, scores: NDArray[np.float32]) -> Decision | None:
        """What a row of scores, (labels,), leads to, if anything."""

    @abstractmethod
    def _forget(self) -> None:
        """Begin a new stream: the decoder's part."""

    def use(self, spec: SoundSpec) -> None:
        """Decide by other thresholds from the next step on.

        Raises:
            ValueError: the model has none.
        """
        raise ValueError(f"a model for {spec.task} has no thresholds")

    def finish(self) -> list[Decision]:
        """What is still to be said, as the stream ends."""
        return []

    def reset(self) -> None:
        """Begin a new stream."""
        self.session.reset()
        self._forget()
        self._features.reset()
        self.steps = 0

    def push(self, samples: Sound) -> list[Decision]:
        """Take mono sound at the model's rate, (n,) float32 in [−1, 1) or int16, any n."""
        frames, size = self._features.push(samples), self._frames
        if len(frames) == size:  # a block that is a step: the usual case, live
            decision = self._step(frames)
            return [] if decision is None else [decision]
        found = (self._step(frames[at : at + size]) for at in range(0, len(frames), size))
        return [decision for decision in found if decision is not None]

    def settle(self) -> None:
        """Hear silence until there is an answer: a clip that is shorter than what the model looks
        at is padded, as it was in training."""
        silence = np.zeros(self._frames * self._hop, np.int16)
        for _ in range(self._warmup + 2):
            if self.steps > self._warmup:
                break
            self.push(silence)

    def time_of(self, step: int) -> float:
        """Seconds of stream that had been heard when a step was complete."""
        last_frame = (step + 1) * self._frames - 1
        return (last_frame * self._hop + self._window) / self._rate

    def _step(self, frames: NDArray[np.float32]) -> Decision | None:
        scores = self.session.run({self._input: frames[None]})[self._output]
        if scores.ndim == 3:  # (1, scores a step, labels); third-party models give (1, labels)
            scores = scores[0]
        self.steps += 1
        if self.steps <= self._warmup:
            return None
        decision = None
        for row in scores:
            found = self._decide(row)
            if found is not None:
                decision = found
        if self.observer is not None:
            self.observer(frames, self.posterior)
        return decision
