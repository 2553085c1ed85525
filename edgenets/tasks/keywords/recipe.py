"""Recipes of models that spot words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgenets.data.split import SplitShares
from edgenets.files import Json
from edgenets.recipeparts import (
    AugmentRecipe,
    ModelRecipe,
    Schedule,
    StartRecipe,
    StepRecipe,
    check_range,
    check_shares,
)
from edgenets.sound.features import TrainedInput
from edgenets.sound.input import AudioInput
from edgenets.tasks.keywords.spec import KeywordDecoding


@dataclass(frozen=True)
class DataRecipe:
    """Which recordings, and how they are divided."""

    labels: tuple[str, ...] | None = None  # None: every folder of the data is a label
    # Recordings are cut or padded to this; 0: to the longest, and to 1 s at least.
    clip_seconds: float = 0.0
    validation: float = 0.1  # fraction of the speakers
    test: float = 0.15  # fraction of the speakers; 0: none is kept for a test
    synthetic: int = 0  # synthesized clips a word that are added to training, and to it alone

    def __post_init__(self) -> None:
        if self.clip_seconds:
            check_range(self, 0.1, 60, "clip_seconds")
        check_range(self, 0, 1, "validation", "test")
        check_range(self, 0, 100_000, "synthetic")
        check_shares(self, "no speaker")

    @property
    def shares(self) -> SplitShares:
        """How the recordings are divided."""
        return SplitShares(self.validation, self.test)


@dataclass(frozen=True)
class ListeningRecipe:
    """Training on long streams, in which all else that is said is to be left alone."""

    streams: int = 0  # an epoch; 0: on a few clips one after another, each asked for at its end
    seconds: float = 4.0  # of a stream
    negatives: float = 0.5  # share of streams in which no word is said
    sentences: int = 1500  # synthesized, in which no word is said
    near: int = 1200  # synthesized, of what is nearly a word
    recordings: tuple[str, ...] = ()  # of the user's: files and folders in which no word is said
    trial: int = 900  # streams without a word by which checkpoints and thresholds are chosen
    max_fa: float = 0.5  # false accepts an hour that thresholds are set for

    def __post_init__(self) -> None:
        check_range(self, 0, 1_000_000, "streams")
        check_range(self, 0, 100_000, "sentences", "near")
        check_range(self, 1, 60, "seconds")
        check_range(self, 0, 1, "negatives")
        check_range(self, 10, 100_000, "trial")
        check_range(self, 0, 10_000, "max_fa")
        if self.streams and not self.sentences:
            raise ValueError("streams need sentences, without which nothing else is said in them")


@dataclass(frozen=True)
class ScheduleRecipe(Schedule):
    """How long and how fast; an item is a stream."""

    clips_per_stream: int = 2  # one after another, where `listening.streams` is 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, 1, 1_000_000, "clips_per_stream")


@dataclass(frozen=True)
class KeywordRecipe(StepRecipe):
    """All that `edgenets train` needs besides data."""

    model: ModelRecipe
    task: Literal["keywords"] = "keywords"
    data: DataRecipe = field(default_factory=DataRecipe)
    features: TrainedInput = field(default_factory=AudioInput)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    start: StartRecipe = field(default_factory=StartRecipe)
    listening: ListeningRecipe = field(default_factory=ListeningRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe, kw_only=True)
    decoding: KeywordDecoding = field(default_factory=KeywordDecoding)

    @staticmethod
    def renamed(data: Json) -> Json:
        """Features of no kind are those that all recipes had once; for `records.parse`."""
        data = StepRecipe.renamed(data)
        features = data.get("features")
        if not isinstance(features, dict) or "kind" in features:
            return data
        return {**data, "features": {**features, "kind": AudioInput.kind}}
