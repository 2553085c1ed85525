"""What may be said, and how likely it is: a list of words, or an n-gram of a text."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from edgenets.errors import DataError
from edgenets.tasks.speech.spec import SpeechSpec
from edgenets.tasks.speech.symbols import symbols_of

# More words than a language has, or a file that is no list.
_MOST_WORDS = 1_000_000

State = tuple[int, ...]


class WordList:
    """Nothing but these words, one after another; with a space between them where there is one."""

    def __init__(self, words: Iterable[State], space: int | None = None) -> None:
        """Take words as label numbers.

        Args:
            space: the label between two words; None: they follow each other directly.
        """
        self._space = space
        self._onward: dict[State, set[int]] = defaultdict(set)  # what may follow a word's beginning
        self._whole: set[State] = set()
        for word in words:
            self._whole.add(word)
            for end in range(len(word)):
                self._onward[word[:end]].add(word[end])

    def begin(self) -> State:
        """See `Grammar.begin`."""
        return ()

    def follow(self, state: State, symbol: int) -> tuple[State, float] | None:
        """See `Grammar.follow`."""
        if symbol in self._onward.get(state, ()):
            return (*state, symbol), 0.0
        if state not in self._whole:
            return None
        if symbol == self._space:
            return (), 0.0
        if self._space is None and symbol in self._onward.get((), ()):
            return (symbol,), 0.0
        return None

    def end(self, state: State) -> float:
        """See `Grammar.end`."""
        return 0.0 if not state or state in self._whole else -math.inf


class Ngram:
    """How likely a symbol is after those before it, as a text has it.

    Shorter contexts fill in where longer ones were not seen (Witten and Bell 1991,
    doi:10.1109/18.87000).
    """

    def __init__(self, lines: Iterable[State], order: int, symbols: int) -> None:
        """Count.

        Args:
            lines: of label numbers.
            order: symbols that are looked at together, the last one included.
            symbols: how many labels there are, without the blank.
        """
        self._order, self._uniform = order, 1.0 / (symbols + 1)  # and the end
        self._counts: dict[State, Counter[int]] = defaultdict(Counter)
        for line in lines:
            for at, symbol in enumerate((*line, _END)):
                for length in range(min(at, order - 1) + 1):
                    self._counts[line[at - length : at]][symbol] += 1
        self._known: dict[tuple[State, int], float] = {}

    def begin(self) -> State:
        """See `Grammar.begin`."""
        return ()

    def follow(self, state: State, symbol: int) -> tuple[State, float] | None:
        """See `Grammar.follow`."""
        onward = (*state, symbol)[-(self._order - 1) :] if self._order > 1 else ()
        return onward, math.log(self.probability(state, symbol))

    def end(self, state: State) -> float:
        """See `Grammar.end`."""
        return math.log(self.probability(state, _END))

    def probability(self, state: State, symbol: int) -> float:
        """Of a symbol, or of the end, after others."""
        key = (state, symbol)
        if key not in self._known:
            self._known[key] = self._interpolated(state, symbol)
        return self._known[key]

    def _interpolated(self, state: State, symbol: int) -> float:
        shorter = self.probability(state[1:], symbol) if state else self._uniform
        seen = self._counts.get(state)
        if not seen:
            return shorter
        kinds = len(seen)
        return (seen[symbol] + kinds * shorter) / (seen.total() + kinds)


# What stands for the end of a line among label numbers.
_END = 0


def read_words(path: Path, spec: SpeechSpec) -> WordList:
    """A list of words, one a line.

    Raises:
        DataError: it cannot be read, is empty, or has a word that the model cannot write.
    """
    space = spec.labels.index(" ") if " " in spec.labels else None
    return WordList(_lines(path, spec), space)


def read_ngram(path: Path, spec: SpeechSpec, order: int = 3) -> Ngram:
    """An n-gram of a text, an utterance a line; errors as `read_words`."""
    return Ngram(_lines(path, spec), order, len(spec.labels) - 1)


def _lines(path: Path, spec: SpeechSpec) -> Sequence[State]:
    units: Any = "words" if spec.decoding.separator == " " else "characters"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"{path}: cannot be read: {exc}") from exc
    if len(lines) > _MOST_WORDS:
        raise DataError(f"{path}: has {len(lines):,} lines; {_MOST_WORDS:,} are the most")
    found = []
    for number, line in enumerate(lines, 1):
        try:
            symbols = symbols_of(line, spec.labels[1:], units)
        except DataError as exc:
            raise DataError(f"{path}, line {number}: {exc}") from exc
        if symbols:
            found.append(symbols)
    if not found:
        raise DataError(f"{path}: has no line that says anything")
    return found
