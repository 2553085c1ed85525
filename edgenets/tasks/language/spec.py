"""What models of text are: how text becomes tokens, and what is made of the scores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

from edgenets.artifact import DType
from edgenets.errors import ModelError
from edgenets.spec import check_labels
from edgenets.stepspec import StreamSpec
from edgenets.tasks.language.sampling import Sampling

# More than a language has words; a list that is longer is broken or hostile.
MOST_TOKENS = 1_000_000

Units = Literal["characters", "words"]


@dataclass(frozen=True)
class TextInput:
    """How text becomes tokens; see `edgenets.tasks.language.tokens`."""

    dtype: ClassVar[DType] = "int32"
    width: ClassVar[int] = 1  # numbers a frame: the token's

    kind: Literal["text"]
    vocabulary: tuple[str, ...]  # a token's number is its place
    units: Units = "characters"
    unknown: str = ""  # the token that stands for what is none; "": such text is refused
    lower: bool = False  # whether capitals are made small

    @property
    def count(self) -> int:
        """Tokens that there are."""
        return len(self.vocabulary)

    def __post_init__(self) -> None:
        if not 2 <= len(self.vocabulary) <= MOST_TOKENS:
            raise ValueError(f"a vocabulary has 2 to {MOST_TOKENS:,} tokens")
        if len(set(self.vocabulary)) != len(self.vocabulary) or "" in self.vocabulary:
            raise ValueError("the tokens of a vocabulary are present and distinct")
        if self.unknown and self.unknown not in self.vocabulary:
            raise ValueError(f"'{self.unknown}' stands for unknown text and is no token")


@dataclass(frozen=True)
class LanguageDecoding:
    """How a model goes on with a text."""

    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=0.8))
    begin: str = "\n"  # what a text follows that nobody began


@dataclass(frozen=True)
class TextDecoding:
    """How scores become a label."""

    background: tuple[str, ...] = ()  # labels that are reported to nobody
    scores: Literal["logits", "probabilities"] = "logits"  # what the model gives


@dataclass(frozen=True)
class LanguageSpec(StreamSpec):
    """A model that says what comes next; it has a score for each token, and no labels."""

    task: Literal["language"]
    input: TextInput
    decoding: LanguageDecoding

    def __post_init__(self) -> None:
        if self.labels:
            raise ValueError("a language model has tokens, no labels")

    @property
    def scores(self) -> int:
        """Numbers that an answer has."""
        return len(self.input.vocabulary)


@dataclass(frozen=True)
class TextSpec(StreamSpec):
    """A model that sorts texts."""

    task: Literal["text"]
    input: TextInput
    decoding: TextDecoding
    # Columns of tables that had the texts and the labels; None: found.
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_labels(self.labels, self.decoding.background)
        if self.columns is not None and len(self.columns) != 2:
            raise ValueError("columns are two: that of the texts and that of the labels")

    def with_columns(self, columns: tuple[str, ...]) -> Self:
        """See `ModelSpec.with_columns`."""
        try:
            return replace(self, columns=columns)
        except ValueError as exc:
            raise ModelError(f"--columns {','.join(columns)}: {exc}") from exc
