"""Sound in, embeddings out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.tasks.embed.metric import unit
from edgenets.tasks.embed.spec import EmbedSpec
from edgenets.tasks.sound_pipeline import Stepper


@dataclass(frozen=True)
class Embedded:
    """What the sound of the last moments is."""

    vector: NDArray[np.float32]  # (numbers,), of length 1
    time: float  # s of stream until the end of that sound


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
