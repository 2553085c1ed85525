"""Text as the numbers of a model's tokens, and back."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.tasks.language.spec import TextInput, Units

UNKNOWN = "<unknown>"

# Words with what belongs to them (don't, well-known), and every other sign by itself; what steers
# a terminal is no sign.
_WORD = re.compile(r"\w+(?:['’\-]\w+)*|[^\w\s\x00-\x1f\x7f-\x9f]")

# How much of a text a message shows.
_SHOWN = 40  # characters


class Tokenizer:
    """Turns text into the numbers of tokens, and back."""

    def __init__(self, input: TextInput) -> None:
        self._input = input
        self._numbers = {token: number for number, token in enumerate(input.vocabulary)}
        self._unknown = self._numbers.get(input.unknown) if input.unknown else None

    def encode(self, text: str) -> NDArray[np.int32]:
        """The tokens of a text, (tokens,) int32; none of an empty one.

        Raises:
            DataError: there is something in it that the model has no token for.
        """
        numbers = self._numbers
        units = units_of(text, self._input)
        try:
            found = [numbers.get(unit, self._unknown) for unit in units]
            return np.array(found, np.int32)  # None is not a number
        except TypeError:
            raise DataError(self._stranger(units)) from None

    def unknown(self, tokens: NDArray[np.int32]) -> int:
        """How many of the tokens stand for text that the model does not know."""
        return 0 if self._unknown is None else int((tokens == self._unknown).sum())

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens; words are put together by spaces."""
        between = "" if self._input.units == "characters" else " "
        return between.join(self._input.vocabulary[token] for token in tokens)

    def _stranger(self, units: Sequence[str]) -> str:
        """What to say of the first unit that is no token."""
        at = next(i for i, unit in enumerate(units) if unit not in self._numbers)
        what = "character" if self._input.units == "characters" else "word"
        unit = units[at][:_SHOWN]
        return (
            f"{unit!r} ({what} {at + 1} of the text) is none of the {len(self._numbers):,} "
            f"{what}s that the model knows; leave it out, or write it another way"
        )


def units_of(text: str, input: TextInput) -> Sequence[str]:
    """A text divided as a model's tokens are."""
    return divided(text, input.units, input.lower)


def divided(text: str, units: Units, lower: bool) -> Sequence[str]:
    """A text divided into characters or words, for which there need be no vocabulary yet.

    A letter with its accent is one character, however it was written (Unicode's form C).
    """
    text = unicodedata.normalize("NFC", text)
    if lower:
        text = text.lower()
    return text if units == "characters" else _WORD.findall(text)


def vocabulary_of(
    texts: Iterable[Sequence[str]], least: int = 1, most: int | None = None, unknown: str = ""
) -> tuple[str, ...]:
    """The units of texts, the most frequent first.

    Args:
        texts: each divided into its units.
        least: how often a unit must be there.
        most: how many are kept, `unknown` included; None: all.
        unknown: a token put before them.

    Raises:
        DataError: nothing is left.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    # Units of one frequency in the order of their letters: the same data give the same numbers.
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = [unit for unit, count in ranked if count >= least and unit != unknown]
    first = [unknown] if unknown else []
    vocabulary = (first + kept)[:most]
    if len(vocabulary) < 2:
        raise DataError("the texts have fewer than two tokens that are frequent enough")
    return tuple(vocabulary)
