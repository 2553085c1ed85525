"""What a model that recognizes speech is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edgenets.spec import check_labels
from edgenets.tasks.sound import LONGEST_REFRACTORY, SoundSpec

# What CTC says where nothing is said.
BLANK_LABEL = "_blank_"


@dataclass(frozen=True)
class CtcDecoding:
    """How scores become text; see `edgenets.tasks.speech.transcriber`."""

    method: Literal["greedy", "beam"] = "greedy"  # the best symbol a step, or of whole strings
    width: int = 8  # beam: what is kept in mind
    endpoint: float = 0.7  # s of silence that end an utterance
    longest: float = 20.0  # s after which it ends in any case
    separator: str = ""  # between symbols: nothing between letters, a space between words
    background: tuple[str, ...] = (BLANK_LABEL,)  # labels that are reported to nobody

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 1000:
            raise ValueError("width must be 1 to 1000")
        if not 0 < self.endpoint <= self.longest <= LONGEST_REFRACTORY:
            raise ValueError(f"0 < endpoint ≤ longest ≤ {LONGEST_REFRACTORY:g} s must hold")
        if self.separator not in ("", " "):
            raise ValueError("separator is nothing, or a space")


@dataclass(frozen=True)
class SpeechSpec(SoundSpec):
    """A model that writes down what is said; label 0 is the blank of CTC."""

    task: Literal["speech"]
    decoding: CtcDecoding

    def __post_init__(self) -> None:
        check_labels([label for label in self.labels if label != " "], ())
        if self.labels[0] != BLANK_LABEL or BLANK_LABEL in self.labels[1:]:
            raise ValueError(f"the first label of a model of speech is {BLANK_LABEL}, and no other")

    def text_of(self, symbols: Iterable[int]) -> str:
        """Label numbers as people read them."""
        words = self.decoding.separator.join(self.labels[symbol] for symbol in symbols)
        return " ".join(words.split())
