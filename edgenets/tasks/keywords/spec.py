"""What a model that spots words is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgenets.spec import check_labels
from edgenets.tasks.sound import LONGEST_REFRACTORY, SoundSpec

# A bound far above all use: beyond it a file is broken or hostile.
MOST_SMOOTHING = 10_000  # steps


@dataclass(frozen=True)
class KeywordDecoding:
    """How posteriors become detections; see `edgenets.tasks.keywords.decoding`."""

    smoothing: int = 5  # steps that the posterior is averaged over
    threshold: float = 0.6  # smoothed posterior from which a word counts as heard
    thresholds: dict[str, float] = field(default_factory=dict)  # per word, over `threshold`
    refractory: float = 0.8  # s in which the next detection is held back
    background: tuple[str, ...] = ("_silence_", "_unknown_")  # labels that are no detections
    scores: Literal["logits", "probabilities"] = "logits"  # what the model gives
    # How a clip is decided: by its end, as training asked, or by the likeliest word in it.
    clips: Literal["end", "peak"] = "end"

    def __post_init__(self) -> None:
        if not 1 <= self.smoothing <= MOST_SMOOTHING:
            raise ValueError(f"smoothing must be 1 to {MOST_SMOOTHING} steps")
        if not 0 <= self.refractory <= LONGEST_REFRACTORY:
            raise ValueError(f"refractory must be 0 to {LONGEST_REFRACTORY:g} s")
        if any(not 0 < t <= 1 for t in (self.threshold, *self.thresholds.values())):
            raise ValueError("thresholds must lie in (0, 1]")


@dataclass(frozen=True)
class KeywordSpec(SoundSpec):
    """A model that spots words."""

    task: Literal["keywords"]
    decoding: KeywordDecoding

    def __post_init__(self) -> None:
        check_labels(self.labels, self.decoding.thresholds)
