"""What models that translate are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from edgenets.artifact import DType
from edgenets.stepspec import StreamSpec

# The member of a bundle, and the file of a run folder, that divides text into pieces.
PIECES = "pieces.model"

# What the encoder gives and the decoder takes: a row of memory for each piece that was read, and
# the state that the translation begins with, after the last of them.
MEMORY, START = "memory", "start"

# Numbers of pieces that mean something of their own.
PADDING, BEGIN, END, UNKNOWN = 0, 1, 2, 3

# What is never written.
NEVER = (PADDING, BEGIN, UNKNOWN)

MOST_TOKENS = 1_000_000
WIDEST = 1 << 16


@dataclass(frozen=True)
class TokensInput:
    """How text becomes sub-words; see `edgenets.tasks.translation.subwords`."""

    dtype: ClassVar[DType] = "int32"
    width: ClassVar[int] = 1  # numbers a frame: the piece's

    kind: Literal["pieces"]
    count: int  # pieces that there are
    source: str  # language that is read, such as en
    target: str  # language that is written
    longest: int  # pieces of the longest sentence that was taught; what is longer is refused

    def __post_init__(self) -> None:
        if not 4 < self.count <= MOST_TOKENS:
            raise ValueError(f"there are 5 to {MOST_TOKENS:,} pieces")
        if not 1 <= self.longest <= 100_000:
            raise ValueError("longest must be 1 to 100,000 pieces")


@dataclass(frozen=True)
class TranslationDecoding:
    """Which translation is taken; see `edgenets.tasks.translation.search`."""

    beam: int = 4  # translations that are kept in mind; 1: the likeliest piece every time
    length_power: float = 1.0  # ln p is divided by the length to this power
    longest: float = 3.0  # pieces of a translation for each piece of its source, and ten beyond

    def __post_init__(self) -> None:
        if not 1 <= self.beam <= 1000:
            raise ValueError("beam must be 1 to 1000")
        if not 0 <= self.length_power <= 10:
            raise ValueError("length_power must be 0 to 10")
        if not 0 <= self.longest <= 100:
            raise ValueError("longest must be 0 to 100")


@dataclass(frozen=True)
class TranslationSpec(StreamSpec):
    """A model that translates; it has a score for each piece, and no labels."""

    parts: ClassVar[tuple[str, ...]] = ("encoder", "decoder")

    task: Literal["translation"]
    input: TokensInput
    decoding: TranslationDecoding
    memory: int = 256  # numbers of a row of memory
    start: int = 256  # numbers of the decoder's state
    files: tuple[str, str] = ("train", "val")  # what its pairs are called: to train on, to test by

    def __post_init__(self) -> None:
        if self.labels:
            raise ValueError("a model that translates has pieces, no labels")
        if not (1 <= self.memory <= WIDEST and 1 <= self.start <= WIDEST):
            raise ValueError(f"memory and start have 1 to {WIDEST:,} numbers")

    @property
    def assets(self) -> tuple[str, ...]:
        """See `ModelSpec.assets`."""
        return (PIECES,)

    @property
    def scores(self) -> int:
        """Numbers that an answer has."""
        return self.input.count
