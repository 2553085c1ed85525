"""A model of one's own, as its task is asked about it: of its tensors all is known, of their
meaning nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

# What such a model's input is made of; nothing: the task takes none but its own models.
OwnInput = Literal["", "sound", "text", "series", "images"]

# Words, and embeddings, are the mean of so much time.
_SMOOTHED = 0.2  # s


@dataclass(frozen=True)
class OwnModel:
    """What a task may ask of a model that takes sound, texts or series."""

    name: str
    labels: tuple[str, ...]
    scores: int  # numbers of an answer
    window: int  # frames that it sees at once; 0: it is a step model
    seconds: float  # of stream from one answer to the next; of texts and series 0
    # What its answers are, found by answers to random inputs where the user does not state it.
    kind_of_scores: Callable[[], str]
    guess: Callable[[str], None]  # called with what is guessed

    @property
    def smoothing(self) -> int:
        """Answers that are averaged over."""
        return max(1, round(_SMOOTHED / self.seconds))
