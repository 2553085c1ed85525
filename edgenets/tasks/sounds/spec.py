"""What a model of sound events is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.spec import check_labels
from edgenets.tasks.heard import Heard, HeardDecoding, HeardSpec, Hearer


@dataclass(frozen=True)
class EventDecoding(HeardDecoding):
    """How the scores of steps become events; see `edgenets.tasks.sounds.decoding`."""

    smoothing: int = 10
    threshold: float = 0.5
    refractory: float = 0.5  # s that a sound must be gone for its end
    background: tuple[str, ...] = ()
    scores: Literal["probabilities", "independent"] = "independent"
    release: float = 0.5  # of its threshold, below which a sound that goes on is gone

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.release <= 1:
            raise ValueError("release must lie in (0, 1]")

    @property
    def lowest(self) -> float:
        """See `HeardDecoding.lowest`: until there, a sound goes on."""
        return self.release * super().lowest


@dataclass(frozen=True)
class SoundsSpec(HeardSpec):
    """A model of sound events."""

    task: Literal["sounds"]
    decoding: EventDecoding

    noun: ClassVar[str] = "sound"

    def __post_init__(self) -> None:
        check_labels(self.labels, self.decoding.thresholds)

    def hearer(self, decoding: HeardDecoding) -> Hearer:
        """See `HeardSpec.hearer`: what begins."""
        from edgenets.tasks.sounds.decoding import EventDecoder

        assert isinstance(decoding, EventDecoding), "of another task"
        decoder = EventDecoder(self.labels, decoding, self.step_seconds)

        def heard(scores: NDArray[np.float32]) -> Iterator[Heard]:
            decoder.reset()
            for row in scores:
                for change in decoder.push(row):
                    if change.begins:
                        yield Heard(change.label, change.score, change.step)

        return heard
