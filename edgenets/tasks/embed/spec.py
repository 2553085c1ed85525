"""What a model that embeds sound is, and its recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgenets.recipeparts import (
    AugmentRecipe,
    GateRecipe,
    ModelRecipe,
    StartRecipe,
    StepRecipe,
    check_range,
)
from edgenets.sound.input import AudioInput
from edgenets.tasks.heard import MOST_SMOOTHING
from edgenets.tasks.keywords.recipe import DataRecipe, KeywordRecipe, ScheduleRecipe
from edgenets.tasks.keywords.spec import BACKGROUND, Background, KeywordDecoding
from edgenets.tasks.sound import SoundSpec

# Bounds far above all use: beyond them a file is broken or hostile.
LARGEST = 65_536  # numbers of an embedding
LONGEST_INTERVAL = 3600.0  # s


@dataclass(frozen=True)
class EmbedDecoding:
    """How the outputs of steps become embeddings."""

    smoothing: int = 10  # steps whose outputs are averaged before the length is made 1
    every: float = 0.5  # s of stream from one embedding that is reported to the next

    # Labels that are reported to nobody: there are none.
    background = ()

    def __post_init__(self) -> None:
        check_range(self, 1, MOST_SMOOTHING, "smoothing")
        check_range(self, 0.0, LONGEST_INTERVAL, "every")


@dataclass(frozen=True)
class EmbedSpec(SoundSpec):
    """A model that gives a vector for the sound of the last moments."""

    task: Literal["embed"]
    decoding: EmbedDecoding
    size: int = field(default=64, kw_only=True)  # numbers of an embedding
    background: Background | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_range(self, 1, LARGEST, "size")

    @property
    def assets(self) -> tuple[str, ...]:
        """See `ModelSpec.assets`."""
        return (BACKGROUND,) if self.background else ()

    @property
    def scores(self) -> int:
        """See `StreamSpec.scores`."""
        return self.size


@dataclass(frozen=True)
class EmbedGate(GateRecipe):
    """The gate of embeddings."""

    agreement: float = 0.98  # mean cosine between the embeddings of an artifact and its model's
    metric_drop: float | None = 0.01  # of the nearest-neighbor accuracy


@dataclass(frozen=True)
class VocabularyRecipe:
    """Common words by which an embedding of speech is learned, one after another in streams."""

    recordings: int = 0  # synthesized of each word; 0: the labels of the data are learned instead
    streams: int = 3200  # an epoch
    seconds: float = 3.0  # of a stream

    def __post_init__(self) -> None:
        check_range(self, 0, 10_000, "recordings")
        check_range(self, 1, 1_000_000, "streams")
        check_range(self, 1, 60, "seconds")


@dataclass(frozen=True)
class EmbedRecipe(StepRecipe):
    """A classifier of recordings, of which the layer before the last is the embedding."""

    model: ModelRecipe
    task: Literal["embed"] = "embed"
    # A run folder of `edgenets train` with a keyword model, whose layers are taken as they are;
    # None: a classifier of the data's labels is trained first.
    trained: str | None = None
    # Layers whose outputs, side by side, are the embedding; (): the one before the last.
    outputs: tuple[str, ...] = ()
    vocabulary: VocabularyRecipe = field(default_factory=VocabularyRecipe)
    data: DataRecipe = field(default_factory=DataRecipe)
    features: AudioInput = field(default_factory=AudioInput)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    start: StartRecipe = field(default_factory=StartRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe, kw_only=True)
    decoding: EmbedDecoding = field(default_factory=EmbedDecoding)
    gate: EmbedGate = field(default_factory=EmbedGate, kw_only=True)

    def classifier(self) -> KeywordRecipe:
        """The recipe of the classifier."""
        return KeywordRecipe(
            self.name, self.description, self.model, data=self.data, features=self.features,
            augment=self.augment, start=self.start, schedule=self.schedule, seed=self.seed,
            decoding=KeywordDecoding(smoothing=self.decoding.smoothing),
        )  # fmt: skip
