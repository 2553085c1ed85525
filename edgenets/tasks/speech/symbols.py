"""Text as the label numbers of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from edgenets.errors import DataError

Units = Literal["characters", "words"]


def symbols_of(text: str, symbols: Sequence[str], units: Units) -> tuple[int, ...]:
    """A transcript as label numbers, from 1 on: 0 is the blank.

    Raises:
        DataError: it holds what is no symbol.
    """
    numbers = {symbol: number for number, symbol in enumerate(symbols, 1)}
    parts: Sequence[str] = text.split() if units == "words" else " ".join(text.split())
    if units == "characters" and " " not in numbers:
        parts = [part for part in parts if part != " "]
    unknown = sorted({part for part in parts if part not in numbers})
    if unknown:
        named = ", ".join(repr(u) for u in unknown[:5])
        raise DataError(f"'{text[:60]}' has {named}, which the recipe's symbols have not")
    return tuple(numbers[part] for part in parts)


def spelling(symbols: Sequence[str], units: Units) -> Callable[[str], bool]:
    """A function that says whether symbols spell a text, which has one at least."""

    def spells(text: str) -> bool:
        try:
            return bool(symbols_of(text, symbols, units))
        except DataError:
            return False

    return spells
