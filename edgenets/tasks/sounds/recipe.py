"""Recipes of models of sound events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgenets.data.split import SplitShares
from edgenets.recipeparts import (
    AugmentRecipe,
    ModelRecipe,
    StartRecipe,
    StepRecipe,
    check_range,
    check_shares,
)
from edgenets.sound.input import AudioInput
from edgenets.tasks.sounds.spec import EventDecoding


@dataclass(frozen=True)
class SoundsDataRecipe:
    """Which recordings, of any length, and how they are divided."""

    # None: every folder of the data is a label, but those in which nothing is to be heard.
    labels: tuple[str, ...] | None = None
    validation: float = 0.1  # fraction of the recordings
    test: float = 0.1  # fraction of the recordings; 0: none is kept for a test

    def __post_init__(self) -> None:
        check_range(self, 0.001, 1, "validation")
        check_range(self, 0, 1, "test")
        check_shares(self, "no recording")

    @property
    def shares(self) -> SplitShares:
        """How the recordings are divided."""
        return SplitShares(self.validation, self.test, "recordings")


@dataclass(frozen=True)
class MixingRecipe:
    """The streams of training, into which recordings are laid."""

    streams: int = 640  # an epoch
    seconds: float = 5.0  # of a stream
    quiet: float = 0.1  # share of streams in which nothing is to be heard
    overlap: float = 0.4  # share of the others with a second sound, at any time

    def __post_init__(self) -> None:
        check_range(self, 1, 1_000_000, "streams")
        check_range(self, 1, 60, "seconds")
        check_range(self, 0, 1, "quiet", "overlap")


@dataclass(frozen=True)
class SoundsRecipe(StepRecipe):
    """All that `edgenets train` needs besides data."""

    model: ModelRecipe
    task: Literal["sounds"] = "sounds"
    data: SoundsDataRecipe = field(default_factory=SoundsDataRecipe)
    features: AudioInput = field(default_factory=AudioInput)
    mixing: MixingRecipe = field(default_factory=MixingRecipe)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    start: StartRecipe = field(default_factory=StartRecipe)
    decoding: EventDecoding = field(default_factory=EventDecoding)
