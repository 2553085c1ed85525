"""Sound in, words out: features → session → decoder, block by block.

This is the hot loop. It allocates little, takes blocks of any length, and gives
the same words however the sound was cut up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets import features
from edgenets.audio import Sound
from edgenets.backend import Session
from edgenets.keywords import KeywordDecoder
from edgenets.spec import StreamSpec

# (frames, bands) float32 of a step, and (labels,) float32
Observer = Callable[[NDArray[np.float32], NDArray[np.float32]], None]


@dataclass(frozen=True)
class Detection:
    """A word that was heard."""

    label: str
    score: float  # smoothed posterior, 0…1
    time: float  # s of stream until the end of the sound that decided it


class Listener:
    """One stream through one session."""

    def __init__(self, spec: StreamSpec, session: Session) -> None:
        self.session = session
        self.use(spec)
        # Told of every step's frames and smoothed posterior, where somebody looks.
        self.observer: Observer | None = None
        self._features = features.extractor(spec.input, spec.step.frames)
        self._frames, self._warmup = spec.step.frames, spec.step.warmup
        self._input, self._output = spec.step.input, spec.step.output
        self.steps = 0

    def use(self, spec: StreamSpec) -> None:
        """Decide by other thresholds from the next step on; what was heard so far is forgotten."""
        self.spec = spec
        self.decoder = KeywordDecoder(spec.labels, spec.decoding, spec.step_seconds)

    def reset(self) -> None:
        """Begin a new stream."""
        self.session.reset()
        self.decoder.reset()
        self._features.reset()
        self.steps = 0

    @property
    def posterior(self) -> NDArray[np.float32]:
        """The smoothed posterior after the last step, (labels,) float32."""
        return self.decoder.posterior

    def push(self, samples: Sound) -> list[Detection]:
        """Take mono sound at the model's rate, (n,) float32 in [−1, 1) or int16, any n."""
        frames, size = self._features.push(samples), self._frames
        if len(frames) == size:  # a block that is a step: the usual case, live
            detection = self._step(frames)
            return [] if detection is None else [detection]
        found = (self._step(frames[at : at + size]) for at in range(0, len(frames), size))
        return [detection for detection in found if detection is not None]

    def time_of(self, step: int) -> float:
        """Seconds of stream that had been heard when a step was complete."""
        features = self.spec.input
        last_frame = (step + 1) * self._frames - 1
        return (last_frame * features.hop + features.window) / features.sample_rate

    def _step(self, frames: NDArray[np.float32]) -> Detection | None:
        scores = self.session.run({self._input: frames[None]})[self._output]
        if scores.ndim == 3:  # (1, scores a step, labels); foreign models give (1, labels)
            scores = scores[0]
        self.steps += 1
        if self.steps <= self._warmup:
            return None
        detection = None
        for row in scores:
            heard = self.decoder.push(row)
            if heard is not None:
                detection = Detection(heard.label, heard.score, self.time_of(self.steps - 1))
        if self.observer is not None:
            self.observer(frames, self.decoder.posterior)
        return detection
