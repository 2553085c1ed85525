"""The face of models that are run step by step: what one step takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edgenets.data.split import SplitShares
from edgenets.spec import ModelSpec

# A bound far above all use: beyond it a file is broken or hostile.
MOST_STEPS = 1 << 20


@dataclass(frozen=True)
class StepSpec:
    """The face of a step model: what one call takes and gives."""

    input: str = "features"  # (1, frames, numbers a frame), of the type of the model's input
    output: str = "logits"  # (1, answers a step, scores) float32
    frames: int = 1  # frames that one step takes
    warmup: int = 0  # steps after a reset whose output means nothing yet

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= 1000:
            raise ValueError("a step takes 1 to 1000 frames")
        if not 0 <= self.warmup <= MOST_STEPS:
            raise ValueError(f"warmup must be 0 to {MOST_STEPS} steps")


@dataclass(frozen=True)
class StreamSpec(ModelSpec):
    """Everything about a model that is run step by step over a stream, but its weights."""

    name: str
    task: str
    labels: tuple[str, ...]
    input: Any  # a record with `kind`, `width` (numbers a frame) and `dtype`
    decoding: Any
    step: StepSpec = field(default_factory=StepSpec)
    split: SplitShares = field(default_factory=SplitShares)

    @property
    def scores(self) -> int:
        """Numbers that an answer has."""
        return len(self.labels)
