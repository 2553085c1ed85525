"""Recipes of models that write down what is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgenets.recipeparts import (
    AugmentRecipe,
    ModelRecipe,
    StartRecipe,
    StepRecipe,
    check_range,
    check_shares,
)
from edgenets.sound.input import AudioInput
from edgenets.tasks.speech.spec import CtcDecoding


@dataclass(frozen=True)
class SpeechData:
    """Which recordings, what may be said in them, and how they are strung together."""

    symbols: tuple[str, ...]  # what the network tells apart: letters, digits, or whole words
    units: Literal["characters", "words"] = "characters"  # how a transcript is divided into them
    # What must not be divided between the splits. Few speakers leave no other choice than
    # recordings; figures then say nothing of speakers who were never heard.
    apart: Literal["speakers", "recordings"] = "speakers"
    validation: float = 0.1  # fraction of the speakers or recordings
    test: float = 0.1  # fraction of the speakers or recordings
    seconds: float = 4.0  # of a training string; recordings follow each other until it is full
    gap: tuple[float, float] = (0.02, 0.6)  # s of silence between two recordings of a string
    strings: int = 2000  # an epoch
    test_strings: int = 400  # of validation and test, made once
    test_words: tuple[int, int] = (1, 7)  # recordings in each of these
    synthetic: int = (
        0  # synthesized recordings a symbol that are added to training, and to it alone
    )
    # Whether people babble, dishes clatter and engines run behind training's strings, and not only
    # colored noise; some strings are nothing else then.
    surrounded: bool = False

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "validation", "test")
        check_range(self, 0.2, 60, "seconds")
        check_range(self, 0, 10, "gap")
        check_range(self, 1, 1_000_000, "strings", "test_strings")
        check_range(self, 1, 100, "test_words")
        check_range(self, 0, 100_000, "synthetic")
        check_shares(self, "nothing")
        for name in ("gap", "test_words"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} goes from the lower to the higher")
        if len(set(self.symbols)) != len(self.symbols) or not self.symbols:
            raise ValueError("symbols must be present and distinct")
        if self.units == "characters" and any(len(s) != 1 for s in self.symbols):
            raise ValueError("symbols that are no single characters need units = 'words'")


@dataclass(frozen=True)
class SpeechRecipe(StepRecipe):
    """All that `edgenets train` needs besides data."""

    task: Literal["speech"]
    model: ModelRecipe
    data: SpeechData
    features: AudioInput = field(default_factory=AudioInput)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    start: StartRecipe = field(default_factory=StartRecipe)
    decoding: CtcDecoding = field(default_factory=CtcDecoding)
