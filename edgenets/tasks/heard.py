"""What models of words and of other sounds have in common: labels are heard in a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.sound import LONGEST_REFRACTORY, SoundSpec

# A bound far above all use: beyond it a file is broken or hostile.
MOST_SMOOTHING = 10_000  # steps


@dataclass(frozen=True)
class Heard:
    """A label that a decoder heard."""

    label: str
    score: float  # smoothed posterior, 0…1
    step: int  # number of the step at which it was heard, from 0


# From the scores of a stream from its beginning, (steps, labels), to what is heard in it.
Hearer = Callable[[NDArray[np.float32]], Iterator[Heard]]


@dataclass(frozen=True)
class HeardDecoding:
    """How a network's scores become what was heard."""

    smoothing: int = 5  # steps that the posterior is averaged over
    threshold: float = 0.6  # smoothed posterior from which a label counts as heard
    thresholds: dict[str, float] = field(default_factory=dict)  # per label, over `threshold`
    refractory: float = 0.8  # s in which the next detection is held back
    background: tuple[str, ...] = ("_silence_", "_unknown_")  # labels that are no detections
    # What the model gives: of one label at a time, posteriors, or of each by itself.
    scores: Literal["logits", "probabilities", "independent"] = "logits"

    def __post_init__(self) -> None:
        if not 1 <= self.smoothing <= MOST_SMOOTHING:
            raise ValueError(f"smoothing must be 1 to {MOST_SMOOTHING} steps")
        if not 0 <= self.refractory <= LONGEST_REFRACTORY:
            raise ValueError(f"refractory must be 0 to {LONGEST_REFRACTORY:g} s")
        if any(not 0 < t <= 1 for t in (self.threshold, *self.thresholds.values())):
            raise ValueError("thresholds must lie in (0, 1]")

    @property
    def lowest(self) -> float:
        """Below this, no smoothed posterior changes anything."""
        return min(self.threshold, *self.thresholds.values(), 1.0)


@dataclass(frozen=True)
class HeardSpec(SoundSpec):
    """A model whose labels are heard in a stream, one after another or at once."""

    decoding: HeardDecoding

    def hearer(self, decoding: HeardDecoding) -> Hearer:
        """What decides as a device does, by this decoding of the model's scores."""
        raise NotImplementedError(f"{self.task}: hears nothing")

    def decided_by(self, decoding: HeardDecoding) -> Self:
        """The spec with another decoding."""
        return replace(self, decoding=decoding)
