"""Recipes of models of text: those that go on with it, and those that sort it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgenets.recipeparts import (
    Cell,
    StepRecipe,
    check_range,
    check_shares,
)
from edgenets.tasks.language.spec import LanguageDecoding, TextDecoding, Units


@dataclass(frozen=True)
class TokenModelRecipe:
    """A network that reads tokens, and its sizes."""

    architecture: Literal["language-rnn", "text-rnn", "text-cnn"]  # the network
    embedding: int = 64  # numbers that stand for a token
    cell: Cell = "gru"  # of all but text-cnn
    units: tuple[int, ...] = (256,)  # of all but text-cnn: one a recurrent layer
    kernels: tuple[int, ...] = (2, 3)  # text-cnn: tokens that a branch looks at
    channels: int = 64  # text-cnn: of each branch
    dropout: float = 0.3  # share of features that a training step leaves out
    embedding_dropout: float = 0.0  # share of tokens whose numbers it leaves out

    def __post_init__(self) -> None:
        check_range(self, 1, 4096, "embedding", "units", "channels")
        check_range(self, 1, 64, "kernels")
        check_range(self, 0, 0.99, "dropout", "embedding_dropout")
        if not self.units or not self.kernels:
            raise ValueError("units and kernels have one number a layer or branch, at least one")


@dataclass(frozen=True)
class LanguageData:
    """Which text, and how it is divided: the end is kept to measure by."""

    files: str = "*.txt"  # of the folder; one after another, in the order of their names
    units: Units = "characters"  # what a token is
    lower: bool = False  # capital letters are read as small ones
    vocabulary: int | None = None  # tokens at most, the most frequent; None: all that there are
    validation: float = 0.05  # part of the text before the test part
    test: float = 0.1  # part at the very end
    length: int = 256  # tokens of a training crop
    crops: int = 2000  # an epoch

    def __post_init__(self) -> None:
        check_range(self, 0.0001, 0.9, "validation", "test")
        check_range(self, 2, 100_000, "length")
        check_range(self, 1, 10_000_000, "crops")
        if self.vocabulary is not None:
            check_range(self, 2, 1_000_000, "vocabulary")
        check_shares(self, "no text")


@dataclass(frozen=True)
class LanguageRecipe(StepRecipe):
    """All that `edgenets train` needs besides data, for a model that goes on with a text."""

    task: Literal["language"]
    model: TokenModelRecipe
    data: LanguageData = field(default_factory=LanguageData)
    decoding: LanguageDecoding = field(default_factory=LanguageDecoding)


@dataclass(frozen=True)
class TextData:
    """Which texts, and how they are divided."""

    labels: tuple[str, ...] | None = None  # None: every LABEL.txt or folder is a label
    # Columns of a table that have the texts and the labels, by name or by number; None: found.
    columns: tuple[str, ...] | None = None
    units: Units = "words"  # what a token is
    lower: bool = True  # capital letters are read as small ones
    least: int = 2  # times that a word is in the training texts, to be in the vocabulary
    vocabulary: int | None = None  # words at most; None: all of these
    longest: int = 200  # tokens of a text that training looks at, the last ones
    validation: float = 0.1  # fraction of the texts
    test: float = 0.1  # fraction of the texts
    word_dropout: float = 0.0  # words of a training text that become unknown ones

    def __post_init__(self) -> None:
        check_range(self, 0, 0.9, "validation", "test", "word_dropout")
        check_range(self, 1, 100_000, "longest", "least")
        if self.vocabulary is not None:
            check_range(self, 2, 1_000_000, "vocabulary")
        check_shares(self, "no text")
        if self.columns is not None and len(self.columns) != 2:
            raise ValueError("columns are two: that of the texts and that of the labels")


@dataclass(frozen=True)
class TextRecipe(StepRecipe):
    """All that `edgenets train` needs besides data, for a model that sorts texts."""

    task: Literal["text"]
    model: TokenModelRecipe
    data: TextData = field(default_factory=TextData)
    decoding: TextDecoding = field(default_factory=TextDecoding)
