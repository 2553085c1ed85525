"""Recipes of models that spot words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgenets.recipeparts import (
    AugmentRecipe,
    ModelRecipe,
    Schedule,
    StepRecipe,
    check_range,
    check_shares,
)
from edgenets.sound.input import AudioInput
from edgenets.tasks.keywords.spec import KeywordDecoding


@dataclass(frozen=True)
class DataRecipe:
    """Which recordings, and how they are divided."""

    labels: tuple[str, ...] | None = None  # None: every folder of the data is a label
    clip_seconds: float = 1.0  # recordings are cut or padded to this
    validation: float = 0.1  # fraction of the speakers
    test: float = 0.15  # fraction of the speakers
    synthetic: int = 0  # synthesized clips a word that are added to training, and to it alone

    def __post_init__(self) -> None:
        check_range(self, 0.1, 60, "clip_seconds")
        check_range(self, 0, 1, "validation", "test")
        check_range(self, 0, 100_000, "synthetic")
        check_shares(self, "no speaker")


@dataclass(frozen=True)
class ScheduleRecipe(Schedule):
    """How long and how fast; an item is a stream."""

    clips_per_stream: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, 1, 1_000_000, "clips_per_stream")


@dataclass(frozen=True)
class KeywordRecipe(StepRecipe):
    """All that `edgenets train` needs besides data."""

    model: ModelRecipe
    task: Literal["keywords"] = "keywords"
    data: DataRecipe = field(default_factory=DataRecipe)
    features: AudioInput = field(default_factory=AudioInput)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe, kw_only=True)
    decoding: KeywordDecoding = field(default_factory=KeywordDecoding)
