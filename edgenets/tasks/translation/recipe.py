"""Recipes of models that translate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgenets.recipeparts import (
    StepRecipe,
    check_range,
)
from edgenets.tasks.translation.spec import TranslationDecoding


@dataclass(frozen=True)
class TranslationModelRecipe:
    """An encoder and a decoder with attention, and their sizes."""

    architecture: Literal["translation-rnn"]  # the network
    embedding: int = 160  # numbers that stand for a piece, in both languages
    encoder: int = 256  # units
    decoder: int = 256  # units
    memory: int = 256  # numbers of a row of memory
    embedding_dropout: float = 0.15  # share of pieces whose numbers it leaves out
    dropout: float = 0.2  # share of features that a training step leaves out

    def __post_init__(self) -> None:
        check_range(self, 1, 4096, "embedding", "encoder", "decoder", "memory")
        check_range(self, 0, 0.99, "embedding_dropout", "dropout")


@dataclass(frozen=True)
class TranslationData:
    """Which sentences; see `edgenets.tasks.translation.pairs`."""

    source: str  # language that is read: the ending of its files
    target: str  # language that is written
    train: str = "train"  # name of the files to train on
    test: str = "val"  # name of the files that are kept to measure by
    validation: float = 0.034  # part of the training pairs that is kept to choose by
    pieces: int = 3000  # sub-words of both languages together
    longest: int = 48  # pieces of a training sentence; longer ones are left out
    word_dropout: float = 0.03  # pieces of a training sentence that become unknown ones

    def __post_init__(self) -> None:
        check_range(self, 0.0001, 0.5, "validation")
        check_range(self, 0, 0.9, "word_dropout")
        check_range(self, 8, 1_000_000, "pieces")
        check_range(self, 4, 1000, "longest")
        for name in (self.source, self.target, self.train, self.test):
            if not name or "/" in name:
                raise ValueError("source, target, train and test are parts of file names")


@dataclass(frozen=True)
class TranslationRecipe(StepRecipe):
    """All that `edgenets train` needs besides data, for a model that translates."""

    task: Literal["translation"]
    model: TranslationModelRecipe
    data: TranslationData
    decoding: TranslationDecoding = field(default_factory=TranslationDecoding)
